/** Patches and structural sharing, against a reference that copies everything. */

import { expect, test } from "vitest";
import { applyPatches, share, type Patch, type Step } from "@browserllm/react/patches";
import { diff } from "@browserllm/react/testing";

/** Random numbers that a printed seed brings back. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const KEYS = ["a", "b", "__proto__", "constructor", "0", "ü", ""];

function anything(dice: Dice, depth: number): Json {
  const kind = depth === 0 ? dice.below(4) : dice.below(8);
  if (kind === 0) return dice.below(5);
  if (kind === 1) return dice.of(["", "text", "ö👋"]);
  if (kind === 2) return dice.of([true, false]);
  if (kind === 3) return null;
  if (kind < 6) return Array.from({ length: dice.below(4) }, () => anything(dice, depth - 1));
  return Object.fromEntries(KEYS.slice(0, dice.below(KEYS.length + 1)).map((key) => [key, anything(dice, depth - 1)]));
}

/** A change somewhere, as a new value. */
function changed(dice: Dice, value: Json): Json {
  if (typeof value === "string" && dice.below(2) === 0) return value + dice.of(["more", "👋"]);
  if (typeof value !== "object" || value === null || dice.below(6) === 0) return anything(dice, 2);
  if (Array.isArray(value)) {
    if (value.length === 0 || dice.below(4) === 0) return [...value, anything(dice, 1)];
    const at = dice.below(value.length);
    return dice.below(5) === 0 ? value.toSpliced(at, 1) : value.with(at, changed(dice, value[at] as Json));
  }
  const key = dice.of(KEYS);
  const entries = Object.entries(value).filter(([each]) => each !== key);
  if (dice.below(5) === 0) return Object.fromEntries(entries);
  const old = Object.hasOwn(value, key) ? (value[key] as Json) : null;
  return Object.fromEntries([...entries, [key, changed(dice, old)]]);
}

/** The reference: a whole copy for each patch, changed in place. */
function byCopy(value: Json, { op, path, value: given }: Patch): Json {
  const root = { root: structuredCloneOf(value) };
  let holder: Record<Step, Json> = root;
  const steps: Step[] = ["root", ...path];
  for (const step of steps.slice(0, -1)) holder = own(holder, step) as Record<Step, Json>;
  const last = steps.at(-1) as Step;
  if (op === "delete") Reflect.deleteProperty(holder, last);
  else define(holder, last, op === "append" ? `${own(holder, last) as string}${given as string}` : (given as Json));
  return root.root;
}

function own(holder: object, step: Step): Json {
  return Object.getOwnPropertyDescriptor(holder, step)?.value as Json;
}

function define(holder: object, step: Step, value: Json): void {
  Object.defineProperty(holder, step, { value, writable: true, enumerable: true, configurable: true });
}

function structuredCloneOf(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const key of Object.getOwnPropertyNames(value)) frozen(own(value, key));
  }
  return value;
}

/** How a value reads, with the keys of its objects in order. */
function reads(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each) ? Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)) : each,
  );
}

const SEEDS = Array.from({ length: 300 }, (_, index) => index + 1);

test("patches in batches of any size give what copying everything gives, and change nothing in place", () => {
  for (const seed of SEEDS) {
    const dice = new Dice(seed);
    let python = anything(dice, 4);
    const patches: Patch[] = [];
    let expected = structuredCloneOf(python);
    let page: unknown = frozen(structuredCloneOf(python));
    for (let round = 0; round < 12; round += 1) {
      const next = changed(dice, python);
      patches.push(...diff(python, next));
      python = next;
    }
    while (patches.length > 0) {
      const batch = patches.splice(0, 1 + dice.below(5));
      for (const patch of batch) expected = byCopy(expected, patch);
      page = frozen(applyPatches(page, batch));
      expect(reads(page), `seed ${seed}`).toBe(reads(expected));
    }
    expect(reads(page), `seed ${seed}`).toBe(reads(python));
  }
});

test("patches of one change that touch different keys may come in any order", () => {
  for (const seed of SEEDS) {
    const dice = new Dice(seed);
    const before = Object.fromEntries(KEYS.map((key) => [key, anything(dice, 2)]));
    const after = Object.fromEntries(KEYS.filter(() => dice.below(5) > 0).map((key) => [key, anything(dice, 2)]));
    const byKey = KEYS.map((key) => diff(before, after).filter(({ path }) => path[0] === key));
    const shuffled: Patch[][] = [];
    for (const group of byKey) shuffled.splice(dice.below(shuffled.length + 1), 0, group);
    expect(reads(applyPatches(frozen(before), shuffled.flat())), `seed ${seed}`).toBe(reads(after));
  }
});

test("what no patch touches keeps its identity, and a patch that changes nothing changes no identity", () => {
  const before = { a: { x: [1, { y: 2 }] }, b: { z: "text" } };
  const after = applyPatches(before, [{ op: "set", path: ["a", "x", 0], value: 5 }]) as typeof before;
  expect(after.b).toBe(before.b);
  expect(after.a.x[1]).toBe(before.a.x[1]);
  expect(after.a).not.toBe(before.a);
  expect(applyPatches(before, [{ op: "set", path: ["b", "z"], value: "text" }])).toBe(before);
  expect(applyPatches(before, [{ op: "append", path: ["b", "z"], value: "" }])).toBe(before);
});

test.each<[string, Patch]>([
  ["a path through nothing", { op: "set", path: ["gone", "x"], value: 1 }],
  ["a path through a number", { op: "set", path: ["n", "x"], value: 1 }],
  ["an index far past the end", { op: "set", path: ["list", 5], value: 1 }],
  ["a name in a list", { op: "set", path: ["list", "length"], value: 0 }],
  ["text added to a number", { op: "append", path: ["n"], value: "x" }],
  ["text added to what is not there", { op: "append", path: ["gone"], value: "x" }],
  ["a number added to a text", { op: "append", path: ["text"], value: 1 }],
  ["a key deleted that is not there", { op: "delete", path: ["gone"] }],
  ["an item of a list deleted", { op: "delete", path: ["list", 0] }],
  ["a key that every object inherits", { op: "append", path: ["toString", "name"], value: "x" }],
  ["all of it deleted", { op: "delete", path: [] }],
])("%s is an error, and names the patch", (_, patch) => {
  expect(() => applyPatches({ n: 1, text: "", list: [1] }, [patch])).toThrow(JSON.stringify(patch.path));
});

test("sharing keeps what is equal, at every depth, and gives exactly the new value", () => {
  for (const seed of SEEDS) {
    const dice = new Dice(seed);
    const before = anything(dice, 4);
    const next = changed(dice, before);
    const shared = share(frozen(before), frozen(structuredCloneOf(next)));
    expect(reads(shared), `seed ${seed}`).toBe(reads(next));
    expect(share(before, structuredCloneOf(before)), `seed ${seed}`).toBe(before);
  }
  const before = { a: { x: [1, 2] }, b: [{ y: 1 }, { y: 2 }] };
  const shared = share(before, { a: { x: [1, 2] }, b: [{ y: 1 }, { y: 3 }] }) as typeof before;
  expect(shared.a).toBe(before.a);
  expect(shared.b[0]).toBe(before.b[0]);
  expect(shared.b[1]).toEqual({ y: 3 });
});
