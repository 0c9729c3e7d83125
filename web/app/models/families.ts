/** The list of models as a person looks through it: what is here, then family by family. */

import type { Model } from "@browserllm/react";
import type { Sort } from "./filters.ts";

export interface Group {
  /** `here`: on this device. `others`: models whose family has no other one here. `all`: an order that has no groups. */
  readonly kind: "here" | "family" | "others" | "all";
  /** Of a family. */
  readonly name: string;
  readonly models: readonly Model[];
}

/** Puts listed models into groups. A family stands where its first model is, which is the recommended one if it has any. */
export function groupsOf(listed: readonly Model[], sort: Sort): Group[] {
  const all: Group = { kind: "all", name: "", models: listed };
  if (sort !== "recommended" && sort !== "name") return [all];
  const here = listed.filter((model) => model.downloaded);
  const families = new Map<string, Model[]>();
  for (const model of listed.filter(({ downloaded }) => !downloaded)) {
    const name = familyOf(model);
    families.set(name, [...(families.get(name) ?? []), model]);
  }
  const large = [...families].filter(([name, models]) => name !== "" && models.length > 1);
  const others = [...families].flatMap(([name, models]) => (large.some(([other]) => other === name) ? [] : models));
  const groups: Group[] = [
    { kind: "here", name: "", models: here },
    ...large.map(([name, models]): Group => ({ kind: "family", name, models })),
    { kind: "others", name: "", models: others },
  ];
  const filled = groups.filter(({ models }) => models.length > 0);
  return filled.length > 1 ? filled : [all];
}

/** "Qwen" of "Qwen2.5 Coder": the releases of a family belong together. */
function familyOf({ family }: Model): string {
  return /^\p{L}+/u.exec(family)?.[0] ?? "";
}
