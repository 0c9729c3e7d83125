/** The arguments of the operations on files, read from a message. */

import { invalid } from "../errors.ts";
import { Fields, isRecord, show, type JsonRecord } from "../fields.ts";
import { CACHE_NAMES, type CacheName, type FileRef } from "./caches.ts";

export type HashAlgorithm = "md5" | "sha256";

export interface FileHash {
  readonly algorithm: HashAlgorithm;
  /** Lower-case hexadecimal. */
  readonly value: string;
}

export interface RequestedFile extends FileRef {
  readonly size_bytes: number | null;
  readonly hash: FileHash | null;
}

export interface RetryOptions {
  /** How often a file is requested again after a failure without new bytes. */
  readonly retries: number;
  readonly backoff_ms: number;
  readonly max_backoff_ms: number;
  /** How long a server may send nothing. */
  readonly stall_ms: number;
}

export interface ReadRequest extends FileRef {
  readonly refresh: boolean;
}

export interface DownloadRequest extends RetryOptions {
  readonly files: readonly RequestedFile[];
  readonly parallel: number;
  readonly verify_stored: boolean;
}

export interface DeleteRequest {
  readonly entries: readonly FileRef[];
  readonly partials: readonly string[];
}

export interface JournalRequest {
  readonly put: Readonly<Record<string, JsonRecord>>;
  readonly remove: readonly string[];
}

export interface PickRequest {
  /** Names the picked folder in the addresses of its files. */
  readonly key: string;
  /** The text that the page shows to the user. */
  readonly prompt: string;
}

export const DEFAULT_RETRY: RetryOptions = { retries: 6, backoff_ms: 500, max_backoff_ms: 30_000, stall_ms: 30_000 };

const MAX_FILES = 10_000;
const MAX_KEY_CHARS = 512;
const HASH_DIGITS: Readonly<Record<HashAlgorithm, number>> = { md5: 32, sha256: 64 };
const HOUR_MS = 3_600_000;

export function parseReadArgs(args: Fields): ReadRequest {
  return { url: readUrl(args.get("url"), "url"), cache: readCache(args, ""), refresh: args.boolean("refresh") ?? false };
}

export function parseInspectArgs(args: Fields): readonly string[] {
  return readUrls(args, "urls");
}

export function parseDownloadArgs(args: Fields): DownloadRequest {
  return {
    files: readList(args, "files", readRequestedFile),
    parallel: args.integer("parallel", 1, 16) ?? 4,
    retries: args.integer("retries", 0, 1000) ?? DEFAULT_RETRY.retries,
    backoff_ms: args.number("backoff_ms", 0, HOUR_MS) ?? DEFAULT_RETRY.backoff_ms,
    max_backoff_ms: args.number("max_backoff_ms", 0, HOUR_MS) ?? DEFAULT_RETRY.max_backoff_ms,
    stall_ms: args.number("stall_ms", 1, HOUR_MS) ?? DEFAULT_RETRY.stall_ms,
    verify_stored: args.boolean("verify_stored") ?? false,
  };
}

export function parseDeleteArgs(args: Fields): DeleteRequest {
  return {
    entries: args.get("entries") === undefined ? [] : readList(args, "entries", readFileRef),
    partials: args.get("partials") === undefined ? [] : readUrls(args, "partials"),
  };
}

export function parseJournalArgs(args: Fields): JournalRequest {
  const put = Object.entries(args.record("put") ?? {}).map(([key, record]): [string, JsonRecord] => {
    checkKey(key, "put");
    if (!isRecord(record)) throw invalid(`put.${key}`, `'put.${key}' must be an object, not ${show(record)}`);
    return [key, record];
  });
  const remove = args.get("remove") === undefined ? [] : readList(args, "remove", readKey);
  return { put: Object.fromEntries(put), remove };
}

export function parsePickArgs(args: Fields): PickRequest {
  const key = args.requiredText("key");
  checkKey(key, "key");
  return { key, prompt: args.text("prompt") ?? "" };
}

/** The absolute address of a file as caches use it, without the part after `#`. */
export function absolute(url: string, base: string): string {
  const resolved = new URL(url, base);
  resolved.hash = "";
  return resolved.href;
}

function readRequestedFile(value: unknown, where: string): RequestedFile {
  const fields = fieldsOf(value, where);
  const size = fields.get("size_bytes");
  if (size !== undefined && !(typeof size === "number" && Number.isSafeInteger(size) && size >= 0)) {
    throw invalid(`${where}.size_bytes`, `'${where}.size_bytes' must be a whole number of at least 0, not ${show(size)}`);
  }
  return { ...readRef(fields, where), size_bytes: size ?? null, hash: readHash(fields.get("hash"), `${where}.hash`) };
}

function readFileRef(value: unknown, where: string): FileRef {
  return readRef(fieldsOf(value, where), where);
}

function readRef(fields: Fields, where: string): FileRef {
  return { url: readUrl(fields.get("url"), `${where}.url`), cache: readCache(fields, `${where}.`) };
}

function readHash(value: unknown, where: string): FileHash | null {
  if (value === undefined) return null;
  const fields = fieldsOf(value, where);
  const name = fields.get("algorithm");
  if (name !== "md5" && name !== "sha256") {
    throw invalid(`${where}.algorithm`, `'${where}.algorithm' must be md5 or sha256, not ${show(name)}`);
  }
  const digits = fields.get("value");
  const length = HASH_DIGITS[name];
  if (typeof digits !== "string" || digits.length !== length || !/^[0-9a-f]+$/i.test(digits)) {
    throw invalid(`${where}.value`, `'${where}.value' must be ${length} hexadecimal digits, not ${show(digits)}`);
  }
  return { algorithm: name, value: digits.toLowerCase() };
}

function readCache(fields: Fields, prefix: string): CacheName {
  const value = fields.get("cache");
  const found = CACHE_NAMES.find((name) => name === value);
  if (found !== undefined) return found;
  const where = `${prefix}cache`;
  throw invalid(where, `'${where}' must be one of ${CACHE_NAMES.join(", ")}, not ${show(value)}`);
}

/** An http(s) address, or one relative to the site. */
function readUrl(value: unknown, where: string): string {
  if (typeof value !== "string" || value === "" || !URL.canParse(value, "https://base.invalid/")) {
    throw invalid(where, `'${where}' must be an address, not ${show(value)}`);
  }
  const { protocol, username, password } = new URL(value, "https://base.invalid/");
  if (protocol !== "https:" && protocol !== "http:") {
    throw invalid(where, `'${where}' must be an address of http or https, not ${show(value)}`);
  }
  // Browsers refuse to fetch such URLs. This error does not show the password.
  if (username !== "" || password !== "") throw invalid(where, `'${where}' must not carry a user name or password`);
  return value;
}

function readUrls(args: Fields, name: string): readonly string[] {
  return readList(args, name, readUrl);
}

function readList<T>(args: Fields, name: string, read: (value: unknown, where: string) => T): readonly T[] {
  const values = args.array(name);
  if (values === undefined) throw args.wrong(name, "a list", values);
  if (values.length > MAX_FILES) {
    throw invalid(name, `'${name}' may have ${MAX_FILES} items, not ${values.length}`);
  }
  return values.map((value, index) => read(value, `${name}[${index}]`));
}

function fieldsOf(value: unknown, where: string): Fields {
  if (!isRecord(value)) throw invalid(where, `'${where}' must be an object, not ${show(value)}`);
  return new Fields(value);
}

function readKey(value: unknown, where: string): string {
  if (typeof value !== "string") throw invalid(where, `'${where}' must be text, not ${show(value)}`);
  checkKey(value, where);
  return value;
}

function checkKey(key: string, where: string): void {
  if (key === "" || key.length > MAX_KEY_CHARS) {
    throw invalid(where, `a key in '${where}' must have 1 to ${MAX_KEY_CHARS} characters, not ${show(key)}`);
  }
}
