/** Python's values in the page (op `values`): texts under keys, in named stores that are independent of each other. */

import { Database } from "./database.ts";
import type { Fields } from "./fields.ts";
import { invalid } from "./errors.ts";

export const VALUES_DATABASE = "browserllm-values";
export const VALUES_VERSION = 1;
export const VALUES_STORE = "values";

const MAX_NAME_CHARS = 128;
export const MAX_KEY_CHARS = 1024;
/** One value fits into a message. */
const MAX_VALUE_CHARS = 12 * 1024 * 1024;
/** A list is sent in pages of about this many characters; a longer value is a page of its own. */
export const PAGE_CHARS = 2 * 1024 * 1024;
const FIRST_BATCH = 8;

export type ValuesRequest = { readonly name: string } & (
  | { readonly action: "get" | "delete"; readonly key: string }
  | { readonly action: "put"; readonly key: string; readonly value: string }
  /** Put `value` in place of `expected`; null means no value. */
  | { readonly action: "swap"; readonly key: string; readonly expected: string | null; readonly value: string | null }
  /** `after` is the last key of the page before. */
  | { readonly action: "items"; readonly prefix: string; readonly after: string | null }
  | { readonly action: "clear"; readonly prefix: string }
);

export interface Page {
  readonly items: readonly (readonly [string, string])[];
  /** Whether there may be more. */
  readonly more: boolean;
}

export function parseValuesArgs(args: Fields): ValuesRequest {
  const name = text(args, "name", 1, MAX_NAME_CHARS);
  const action = args.oneOf("action", ["get", "put", "swap", "delete", "items", "clear"]);
  switch (action) {
    case "get":
    case "delete":
      return { name, action, key: text(args, "key", 1, MAX_KEY_CHARS) };
    case "put":
      return { name, action, key: text(args, "key", 1, MAX_KEY_CHARS), value: valueOf(args, "value") };
    case "swap": {
      const expected = args.text("expected") === undefined ? null : valueOf(args, "expected");
      const value = args.text("value") === undefined ? null : valueOf(args, "value");
      return { name, action, key: text(args, "key", 1, MAX_KEY_CHARS), expected, value };
    }
    case "items": {
      const after = args.text("after") === undefined ? null : text(args, "after", 0, MAX_KEY_CHARS);
      return { name, action, prefix: prefixOf(args), after };
    }
    case "clear":
      return { name, action, prefix: prefixOf(args) };
  }
}

function prefixOf(args: Fields): string {
  return args.text("prefix") === undefined ? "" : text(args, "prefix", 0, MAX_KEY_CHARS);
}

function valueOf(args: Fields, name: string): string {
  const value = args.text(name);
  if (value === undefined) throw args.wrong(name, "text", value);
  if (value.length <= MAX_VALUE_CHARS) return value;
  throw invalid(name, `'${name}' may have 0 to ${MAX_VALUE_CHARS} characters, not ${value.length}`);
}

/** A name or a key: Python refuses the same ones (`stores/memory.py`), so only other clients see these errors. */
function text(args: Fields, name: string, least: number, most: number): string {
  const value = args.text(name);
  if (value === undefined) throw args.wrong(name, "text", value);
  if (value.length < least || value.length > most) {
    throw invalid(name, `'${name}' may have ${least} to ${most} characters, not ${value.length}`);
  }
  if (value.includes("\0")) throw invalid(name, `'${name}' holds a NUL character: leave it out`);
  if (!value.isWellFormed()) throw invalid(name, `'${name}' holds half of a surrogate pair: leave it out`);
  return value;
}

/** The keys in the database are [name of the store, key]. */
export class Values {
  readonly #database: Database;

  constructor(factory: IDBFactory | undefined, onLost: () => void = () => undefined) {
    const what = "what is kept in this page";
    this.#database = new Database({ factory, name: VALUES_DATABASE, version: VALUES_VERSION, store: VALUES_STORE, what, onLost });
  }

  run(args: ValuesRequest): Promise<unknown> {
    const { name } = args;
    switch (args.action) {
      case "get":
        return this.#database.run("readonly", (store) => {
          const request = store.get([name, args.key]) as IDBRequest<unknown>;
          return () => ({ value: typeof request.result === "string" ? request.result : null });
        });
      case "put":
        return this.#change((store) => { store.put(args.value, [name, args.key]); });
      case "swap":
        return this.#database.run("readwrite", (store) => swap(store, [name, args.key], args.expected, args.value));
      case "delete":
        return this.#change((store) => { store.delete([name, args.key]); });
      case "items":
        return this.#database.run("readonly", (store) => readPage(store, name, args.prefix, args.after));
      case "clear":
        return this.#change((store) => { clear(store, name, args.prefix); });
    }
  }

  #change(work: (store: IDBObjectStore) => void): Promise<unknown> {
    return this.#database.run("readwrite", (store) => {
      work(store);
      return () => ({});
    });
  }
}

/** Reading and writing are one transaction: another write to the key comes before or after it. */
function swap(store: IDBObjectStore, key: [string, string], expected: string | null, value: string | null): () => { swapped: boolean } {
  let swapped = false;
  const request = store.get(key) as IDBRequest<unknown>;
  request.onsuccess = () => {
    if ((request.result ?? null) !== expected) return;
    swapped = true;
    if (value === null) store.delete(key);
    else store.put(value, key);
  };
  return () => ({ swapped });
}

/**
 * Read in batches: a cursor takes a step of the event loop for each value. Batches begin small, since a value may be large, and
 * grow while there is room on the page.
 */
function readPage(store: IDBObjectStore, name: string, prefix: string, after: string | null): () => Page {
  const items: [string, string][] = [];
  let chars = 0;
  let more = false;
  const read = (range: IDBKeyRange, count: number): void => {
    const keys = store.getAllKeys(range, count);
    const values = store.getAll(range, count) as IDBRequest<unknown[]>;
    values.onsuccess = () => {
      let last = "";
      for (const [index, stored] of keys.result.entries()) {
        const key: unknown = (stored as readonly unknown[])[1];
        if (typeof key !== "string" || !key.startsWith(prefix)) return;
        if (chars >= PAGE_CHARS) {
          more = true;
          return;
        }
        last = key;
        const value = values.result[index];
        if (typeof value !== "string") continue; // not written by us
        items.push([key, value]);
        chars += key.length + value.length;
      }
      if (keys.result.length < count) return;
      const average = Math.max(1, chars / Math.max(1, items.length));
      read(from(name, last, true), Math.max(1, Math.min(count * 8, Math.ceil((PAGE_CHARS - chars) / average))));
    };
  };
  read(after === null ? from(name, prefix) : from(name, after, true), FIRST_BATCH);
  return () => ({ items, more });
}

function clear(store: IDBObjectStore, name: string, prefix: string): void {
  walk(store.openKeyCursor(from(name, prefix)), prefix, (key) => {
    store.delete([name, key]);
    return true;
  });
}

/** All keys of a store from this one on: a list is greater than every text. */
function from(name: string, key: string, without = false): IDBKeyRange {
  return IDBKeyRange.bound([name, key], [name, []], without, true);
}

/** Visit the keys that begin with a prefix, in order, until `visit` returns false: they are adjacent. */
function walk<C extends IDBCursor>(request: IDBRequest<C | null>, prefix: string, visit: (key: string, cursor: C) => boolean): void {
  request.onsuccess = () => {
    const cursor = request.result;
    if (cursor === null) return;
    const key: unknown = (cursor.key as readonly unknown[])[1];
    if (typeof key === "string" && key.startsWith(prefix) && visit(key, cursor)) cursor.continue();
  };
}
