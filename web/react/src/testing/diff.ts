/** The patches between two states, as Python makes them (src/browserllm/app/patches.py). */

import type { Patch, Step } from "../patches.ts";

type Holder = Readonly<Record<string, unknown>>;

/** Return the patches that turn `old` into `next`. */
export function diff(old: unknown, next: unknown, path: readonly Step[] = []): Patch[] {
  if (Object.is(old, next)) return [];
  if (typeof old === "string" && typeof next === "string" && old !== "" && next.startsWith(old)) {
    return [{ op: "append", path, value: next.slice(old.length) }];
  }
  if (typeof old !== "object" || typeof next !== "object" || old === null || next === null) return [{ op: "set", path, value: next }];
  if (Array.isArray(old) !== Array.isArray(next)) return [{ op: "set", path, value: next }];
  if (Array.isArray(old) && Array.isArray(next)) return items(old, next, path);
  return keys(old as Holder, next as Holder, path);
}

function items(old: readonly unknown[], next: readonly unknown[], path: readonly Step[]): Patch[] {
  if (next.length < old.length) return [{ op: "set", path, value: next }];
  return next.flatMap((value, index) =>
    index < old.length ? diff(old[index], value, [...path, index]) : [{ op: "set" as const, path: [...path, index], value }],
  );
}

function keys(old: Holder, next: Holder, path: readonly Step[]): Patch[] {
  const changed = Object.keys(next).flatMap((key) =>
    Object.hasOwn(old, key) ? diff(old[key], next[key], [...path, key]) : [{ op: "set" as const, path: [...path, key], value: next[key] }],
  );
  const gone = Object.keys(old).filter((key) => !Object.hasOwn(next, key));
  return [...changed, ...gone.map((key) => ({ op: "delete" as const, path: [...path, key] }))];
}
