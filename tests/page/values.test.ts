import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { beforeAll, describe, expect, it } from "vitest";
import { Fields } from "../../web/src/engine/fields.ts";
import {
  MAX_KEY_CHARS,
  PAGE_CHARS,
  parseValuesArgs,
  Values,
  VALUES_DATABASE,
  VALUES_STORE,
  VALUES_VERSION,
  type Page,
} from "../../web/src/engine/values.ts";
import { Bench, settle } from "./helpers.ts";

beforeAll(() => { Object.assign(globalThis, { IDBKeyRange }); });

function open(factory = new IDBFactory(), name = "mine"): (args: object) => Promise<unknown> {
  const values = new Values(factory);
  return (args) => values.run(parseValuesArgs(new Fields({ name, ...args })));
}

async function items(run: (args: object) => Promise<unknown>, prefix = ""): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (let after: string | null = null; ; after = found.at(-1)?.[0] ?? null) {
    const page = (await run({ action: "items", prefix, after })) as Page;
    found.push(...page.items.map(([key, value]): [string, string] => [key, value]));
    if (!page.more) return found;
  }
}

describe("what Python keeps in the page", () => {
  it("is there under its key, in its own store, also for the next page", async () => {
    const factory = new IDBFactory();
    const run = open(factory);
    expect(await run({ action: "get", key: "a" })).toEqual({ value: null });
    expect(await run({ action: "put", key: "a", value: "1" })).toEqual({});
    await run({ action: "put", key: "a", value: "2" });
    await run({ action: "put", key: "b", value: "" });
    await open(factory, "other")({ action: "put", key: "a", value: "3" });
    const later = open(factory);
    expect(await later({ action: "get", key: "a" })).toEqual({ value: "2" });
    expect(await items(later)).toEqual([["a", "2"], ["b", ""]]);
    await later({ action: "delete", key: "a" });
    await later({ action: "delete", key: "never there" });
    expect(await items(later)).toEqual([["b", ""]]);
    expect(await items(open(factory, "other"))).toEqual([["a", "3"]]);
  });

  it("is listed and cleared by the beginning of its keys, which is text and no pattern", async () => {
    const run = open();
    const keys = ["a", "a/", "a/1", "a/\uffff", "a/\u{10ffff}", "a0", "b"];
    for (const key of keys) await run({ action: "put", key, value: key });
    const some = (await items(run, "a/")).map(([key]) => key);
    expect(some.sort()).toEqual(["a/", "a/1", "a/\uffff", "a/\u{10ffff}"].sort());
    await run({ action: "clear", prefix: "a/" });
    expect((await items(run)).map(([key]) => key)).toEqual(["a", "a0", "b"]);
    await run({ action: "clear" });
    expect(await items(run)).toEqual([]);
  });

  it("goes out in pages, each value once, however large", async () => {
    const run = open();
    const half = "x".repeat(PAGE_CHARS / 2 - 1);
    const kept: [string, string][] = ["1", "2", "3", "4", "5"].map((key) => [key, half]);
    for (const [key, value] of kept) await run({ action: "put", key, value });
    const first = (await run({ action: "items" })) as Page;
    expect([first.items.length, first.more]).toEqual([2, true]);
    expect(await items(run)).toEqual(kept);
    expect((await run({ action: "items", after: "4" })) as Page).toMatchObject({ items: [["5", half]], more: false });
  });

  it("is swapped only while it is what was expected, and one of many that expect the same succeeds", async () => {
    const factory = new IDBFactory();
    const run = open(factory);
    const swap = (expected: string | null, value: string | null, one = run): Promise<unknown> => one({ action: "swap", key: "a", expected, value });
    expect(await swap("1", "2")).toEqual({ swapped: false });
    expect(await swap("1", null)).toEqual({ swapped: false });
    expect(await swap(null, null)).toEqual({ swapped: true });
    expect(await items(run)).toEqual([]);
    expect(await swap(null, "")).toEqual({ swapped: true });
    expect(await swap(null, "x")).toEqual({ swapped: false });
    expect(await swap("", "1")).toEqual({ swapped: true });
    // Two pages count to forty side by side: no step is lost.
    const pages = [run, open(factory)];
    await swap("1", "0");
    await Promise.all(Array.from({ length: 40 }, async (_, index) => {
      const one = pages[index % 2] ?? run;
      for (;;) {
        const { value } = (await one({ action: "get", key: "a" })) as { value: string };
        const { swapped } = (await swap(value, String(Number(value) + 1), one)) as { swapped: boolean };
        if (swapped) return;
      }
    }));
    expect(await items(run)).toEqual([["a", "40"]]);
    expect(await swap("40", null)).toEqual({ swapped: true });
    expect(await items(run)).toEqual([]);
  });

  it("is not swapped where something else wrote it", async () => {
    const factory = new IDBFactory();
    const run = open(factory);
    await run({ action: "put", key: "b", value: "1" });
    await new Promise((resolve) => {
      factory.open(VALUES_DATABASE, VALUES_VERSION).onsuccess = ({ target }) => {
        const transaction = (target as unknown as IDBOpenDBRequest).result.transaction(VALUES_STORE, "readwrite");
        transaction.objectStore(VALUES_STORE).put(7, ["mine", "a"]);
        transaction.oncomplete = resolve;
      };
    });
    expect(await run({ action: "swap", key: "a", expected: null, value: "1" })).toEqual({ swapped: false });
  });

  it("passes over what it did not write", async () => {
    const factory = new IDBFactory();
    await open(factory)({ action: "put", key: "a", value: "1" });
    await new Promise((resolve) => {
      factory.open(VALUES_DATABASE, VALUES_VERSION).onsuccess = ({ target }) => {
        const database = (target as unknown as IDBOpenDBRequest).result;
        const transaction = database.transaction(VALUES_STORE, "readwrite");
        transaction.objectStore(VALUES_STORE).put({ n: 1 }, ["mine", "b"]);
        transaction.objectStore(VALUES_STORE).put("2", ["mine", 7]);
        transaction.oncomplete = resolve;
      };
    });
    const run = open(factory);
    expect(await items(run)).toEqual([["a", "1"]]);
    expect(await run({ action: "get", key: "b" })).toEqual({ value: null });
  });

  it.each<[string, object]>([
    ["name", { name: "", action: "get", key: "a" }],
    ["name", { name: "n".repeat(129), action: "get", key: "a" }],
    ["action", { action: "drop" }],
    ["key", { action: "get" }],
    ["key", { action: "put", key: "k".repeat(MAX_KEY_CHARS + 1), value: "" }],
    ["value", { action: "put", key: "k" }],
    ["value", { action: "put", key: "k", value: "x".repeat(12 * 1024 * 1024 + 1) }],
    ["prefix", { action: "items", prefix: 7 }],
    ["name", { name: "n\0", action: "get", key: "a" }],
    ["name", { name: "\ud800", action: "items" }],
    ["key", { action: "get", key: "" }],
    ["key", { action: "put", key: "", value: "" }],
    ["value", { action: "swap", key: "k", expected: null, value: 7 }],
    ["expected", { action: "swap", key: "k", expected: 7, value: null }],
    ["expected", { action: "swap", key: "k", expected: "x".repeat(12 * 1024 * 1024 + 1), value: null }],
    ...["\0", "a\0b", "\ud800", "\udc00\ud800", "a\ud83d"].flatMap((bad): [string, object][] => [
      ["key", { action: "get", key: bad }],
      ["key", { action: "put", key: bad, value: "" }],
      ["key", { action: "swap", key: bad, expected: null, value: "" }],
      ["key", { action: "delete", key: bad }],
      ["prefix", { action: "items", prefix: bad }],
      ["prefix", { action: "clear", prefix: bad }],
      ["after", { action: "items", prefix: "", after: bad }],
    ]),
  ])("refuses a wrong %s, without quoting a long one", (parameter, args) => {
    const parse = (): unknown => parseValuesArgs(new Fields({ name: "mine", ...args }));
    expect(parse).toThrow(expect.objectContaining({ code: "invalid_request", data: { parameter } }) as Error);
    expect(parse).toThrow(/^.{0,120}$/);
  });

  it("reports that a value cannot be stored, and that there is no space", async () => {
    const nowhere = new Values(undefined);
    await expect(nowhere.run({ name: "m", action: "get", key: "a" })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("what is kept in this page cannot be used") as string,
    });
    const full = { open: () => { throw new DOMException("no room", "QuotaExceededError"); } } as unknown as IDBFactory;
    await expect(new Values(full).run({ name: "m", action: "get", key: "a" })).rejects.toMatchObject({ code: "quota_exceeded" });
    // Chromium's words for a disk that is full, and for what has nothing to do with one.
    for (const [message, name, code] of [
      ["Failed to write blobs (IOError)", "DataError", "quota_exceeded"],
      ["Internal error committing transaction: IO error: No space left on device", "UnknownError", "quota_exceeded"],
      ["The key is not valid", "DataError", "unavailable"],
      ["Internal error", "UnknownError", "unavailable"],
    ] as const) {
      const broken = { open: () => { throw new DOMException(message, name); } } as unknown as IDBFactory;
      await expect(new Values(broken).run({ name: "m", action: "get", key: "a" })).rejects.toMatchObject({ code });
    }
  });

  it("is an operation of the protocol", async () => {
    const { ask, of } = new Bench().connect();
    ask(1, "values", { name: "mine", action: "put", key: "a", value: "1" });
    await expect.poll(() => of(1)).toMatchObject([{ type: "result", data: {} }]);
    ask(2, "values", { name: "mine", action: "get", key: "a" });
    await expect.poll(() => of(2)).toMatchObject([{ type: "result", data: { value: "1" } }]);
    ask(3, "values", { name: "mine", action: "get" });
    await settle();
    expect(of(3)).toMatchObject([{ type: "error", error: { code: "invalid_request", data: { parameter: "key" } } }]);
  });
});
