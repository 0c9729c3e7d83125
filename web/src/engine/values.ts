/** What Python keeps in the page by name (op `values`): texts under keys, in stores that do not know of each other. */

import { Database } from "./database.ts";
import type { Fields } from "./fields.ts";
import { invalid } from "./errors.ts";

export const VALUES_DATABASE = "browserllm-values";
export const VALUES_VERSION = 1;
export const VALUES_STORE = "values";

export const MAX_NAME_CHARS = 128;
export const MAX_KEY_CHARS = 1024;
/** A message has room for one of these. */
export const MAX_VALUE_CHARS = 12 * 1024 * 1024;
/** A list goes out in pages of about so many characters; one value more than that is a page of its own. */
export const PAGE_CHARS = 2 * 1024 * 1024;

export type ValuesOrder = { readonly name: string } & (
  | { readonly action: "get" | "delete"; readonly key: string }
  | { readonly action: "put"; readonly key: string; readonly value: string }
  /** `after` is the last key of the page before. */
  | { readonly action: "items"; readonly prefix: string; readonly after: string | null }
  | { readonly action: "clear"; readonly prefix: string }
);

export interface Page {
  readonly items: readonly (readonly [string, string])[];
  /** Whether there may be more. */
  readonly more: boolean;
}

export function parseValuesArgs(args: Fields): ValuesOrder {
  const name = text(args, "name", 1, MAX_NAME_CHARS);
  const action = args.oneOf("action", ["get", "put", "delete", "items", "clear"]);
  switch (action) {
    case "get":
    case "delete":
      return { name, action, key: text(args, "key", 0, MAX_KEY_CHARS) };
    case "put":
      return { name, action, key: text(args, "key", 0, MAX_KEY_CHARS), value: text(args, "value", 0, MAX_VALUE_CHARS) };
    case "items":
      return { name, action, prefix: args.text("prefix") ?? "", after: args.text("after") ?? null };
    case "clear":
      return { name, action, prefix: args.text("prefix") ?? "" };
  }
}

function text(args: Fields, name: string, least: number, most: number): string {
  const value = args.text(name);
  if (value === undefined) throw args.wrong(name, "text", value);
  if (value.length >= least && value.length <= most) return value;
  throw invalid(name, `'${name}' may have ${least} to ${most} characters, not ${value.length}`);
}

/** The keys in the database are [name of the store, key]. */
export class Values {
  readonly #database: Database;

  constructor(factory: IDBFactory | undefined) {
    const what = "what is kept in this page";
    this.#database = new Database({ factory, name: VALUES_DATABASE, version: VALUES_VERSION, store: VALUES_STORE, what });
  }

  run(order: ValuesOrder): Promise<unknown> {
    const { name } = order;
    switch (order.action) {
      case "get":
        return this.#database.run("readonly", (store) => {
          const request = store.get([name, order.key]) as IDBRequest<unknown>;
          return () => ({ value: typeof request.result === "string" ? request.result : null });
        });
      case "put":
        return this.#change((store) => { store.put(order.value, [name, order.key]); });
      case "delete":
        return this.#change((store) => { store.delete([name, order.key]); });
      case "items":
        return this.#database.run("readonly", (store) => readPage(store, name, order.prefix, order.after));
      case "clear":
        return this.#change((store) => { clear(store, name, order.prefix); });
    }
  }

  #change(work: (store: IDBObjectStore) => void): Promise<unknown> {
    return this.#database.run("readwrite", (store) => {
      work(store);
      return () => ({});
    });
  }
}

function readPage(store: IDBObjectStore, name: string, prefix: string, after: string | null): () => Page {
  const items: [string, string][] = [];
  let chars = 0;
  let more = false;
  const range = after === null ? from(name, prefix) : from(name, after, true);
  walk(store.openCursor(range), prefix, (key, cursor) => {
    if (chars >= PAGE_CHARS) {
      more = true;
      return false;
    }
    const { value } = cursor as { value?: unknown };
    if (typeof value !== "string") return true; // not written by us
    items.push([key, value]);
    chars += key.length + value.length;
    return true;
  });
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

/** Visit the keys that begin with a prefix, in order, until `visit` has enough: they lie side by side. */
function walk<C extends IDBCursor>(request: IDBRequest<C | null>, prefix: string, visit: (key: string, cursor: C) => boolean): void {
  request.onsuccess = () => {
    const cursor = request.result;
    if (cursor === null) return;
    const key: unknown = (cursor.key as readonly unknown[])[1];
    if (typeof key === "string" && key.startsWith(prefix) && visit(key, cursor)) cursor.continue();
  };
}
