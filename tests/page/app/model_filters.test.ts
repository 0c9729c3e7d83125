/** The list of models: which it shows, and in which order. */

import { expect, test } from "vitest";
import { en } from "../../../web/app/strings/en/index.ts";
import { demoModels } from "../../../web/app/demo_models.ts";
import { countFilters, licensesOf, listed, NO_FILTERS } from "../../../web/app/models/filters.ts";
import { groupsOf } from "../../../web/app/models/families.ts";
import { factsOf, formatTimeLeft } from "../../../web/app/models/words.ts";

const models = Object.values(demoModels(1_700_000_000_000));
const ids = (changes: Partial<typeof NO_FILTERS>): string[] => listed(models, { ...NO_FILTERS, ...changes }).map(({ id }) => id);

test("what is on the device comes first, then what is recommended, then what fits, and last what does not", () => {
  expect(ids({}).slice(0, 6)).toEqual(["qwen3-0.6b", "qwen3-1.7b", "my-finetune", "pocket", "qwen3-4b", "qwen3-8b"].map((id) => (id === "my-finetune" ? "mine" : id)));
  expect(ids({}).at(-1)).toBe("llama-3.1-8b");
  expect(ids({})).toHaveLength(models.length);
});

test("of models that do not fit, the smaller ones come first", () => {
  const none = models.map((model) => ({ ...model, fit: "no" as const, tier: null, downloaded: false }));
  const sizes = listed(none, NO_FILTERS).map(({ parameters }) => parameters ?? 0);
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
});

test("every word of the search must occur in the name, the family, the id or the licence", () => {
  expect(ids({ text: "QWEN 4b" })).toEqual(["qwen3-4b"]);
  expect(ids({ text: "gemma terms" })).toEqual(["gemma-3-1b"]);
  expect(ids({ text: "no such model" })).toEqual([]);
});

test("filters leave out what does not have the ability, the purpose, the licence, the size or the fit", () => {
  expect(ids({ vision: true })).toEqual(["smolvlm"]);
  expect(ids({ downloaded: true })).toEqual(["qwen3-0.6b", "qwen3-1.7b", "mine", "pocket"]);
  expect(ids({ fitting: true })).not.toContain("llama-3.1-8b");
  expect(ids({ fitting: true })).toContain("qwen3-8b");
  expect(ids({ purpose: "embedding" })).toEqual(["minilm"]);
  expect(ids({ license: "MIT" })).toEqual(["phi-4"]);
  expect(ids({ maxBytes: 0.3e9 })).toEqual(["pocket", "smolvlm", "minilm"]);
  expect(ids({ tools: true, thinking: true, downloaded: true })).toEqual(["qwen3-0.6b", "qwen3-1.7b"]);
});

test("the list can be sorted by download, parameters, name and last use", () => {
  expect(ids({ sort: "download" })[1]).toBe("minilm");
  expect(ids({ sort: "parameters" })[0]).toBe("qwen3-8b");
  expect(ids({ sort: "name" })[0]).toBe("gemma-3-1b");
  expect(ids({ sort: "used" }).slice(0, 2)).toEqual(["qwen3-1.7b", "qwen3-0.6b"]);
});

test("the search is not counted as a filter, everything else is", () => {
  expect(countFilters({ ...NO_FILTERS, text: "qwen", sort: "name" })).toBe(0);
  expect(countFilters({ ...NO_FILTERS, vision: true, license: "MIT", maxBytes: 1e9 })).toBe(3);
});

test("the most common licence is offered first", () => {
  expect(licensesOf(models)[0]).toBe("Apache-2.0");
});

test("a time to come is never more exact than it can be known", () => {
  expect([0.2, 7.3, 67, 89, 117, 3600, 5400, 9000].map((seconds) => formatTimeLeft(seconds, "en"))).toEqual([
    "1 sec",
    "8 sec",
    "65 sec",
    "90 sec",
    "2 min",
    "60 min",
    "1.5 hr",
    "2.5 hr",
  ]);
});

test("what is on the device is the first group, then come families, the recommended one first, and lonely models at the end", () => {
  const groups = groupsOf(listed(models, NO_FILTERS), "recommended").map(({ kind, name, models: some }) => [`${kind} ${name}`, some.map(({ id }) => id)]);
  expect(groups).toEqual([
    ["here ", ["qwen3-0.6b", "qwen3-1.7b", "mine", "pocket"]],
    ["family Qwen", ["qwen3-4b", "qwen3-8b"]],
    ["family Llama", ["llama-3.2-3b", "llama-3.1-8b"]],
    ["others ", ["phi-4", "gemma-3-1b", "smolvlm", "minilm"]],
  ]);
});

test("releases of a family are one family; an order that has no families, and a list that has one group, are one list", () => {
  const as = (id: string, family: string): (typeof models)[number] => ({ ...(models[0] as (typeof models)[number]), id, family, downloaded: false, tier: null });
  const some = [as("a", "Qwen3"), as("b", "Phi 3.5"), as("c", "Qwen2.5 Coder"), as("d", "Phi"), as("e", "")];
  expect(groupsOf(some, "name").map(({ name, models: few }) => [name, few.map(({ id }) => id)])).toEqual([["Qwen", ["a", "c"]], ["Phi", ["b", "d"]], ["", ["e"]]]);
  for (const sort of ["download", "parameters", "used"] as const) expect(groupsOf(some, sort)).toEqual([{ kind: "all", name: "", models: some }]);
  const lonely = [as("x", "One"), as("y", "Two")];
  expect(groupsOf(lonely, "recommended")).toEqual([{ kind: "all", name: "", models: lonely }]);
});

test("a row says what a person compares: how a build was quantised is not among it", () => {
  const qwen = models.find(({ id }) => id === "qwen3-4b");
  if (!qwen) throw new Error("the demo has this model");
  expect(factsOf(qwen, en.models, "en").join(" · ")).toBe("4B parameters · context of 32,768 tokens · Code · Mathematics · Many languages");
});
