/** Typed reading of untrusted JSON objects. Every error names the field and the value that was wrong. */

import { invalid } from "./errors.ts";

export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value for an error message: as JSON, cut to a readable length. */
export function show(value: unknown): string {
  const text = value === undefined ? "missing" : (JSON.stringify(value) as string | undefined) ?? typeof value;
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** The fields of one object; null counts as absent: Python sends null for a missing value. */
export class Fields {
  readonly #record: JsonRecord;

  constructor(record: JsonRecord) {
    this.#record = record;
  }

  get(name: string): unknown {
    return Object.hasOwn(this.#record, name) ? (this.#record[name] ?? undefined) : undefined;
  }

  text(name: string): string | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.wrong(name, "text", value);
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw this.wrong(name, "text that is not empty", value);
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.wrong(name, "true or false", value);
  }

  /** A finite number between `low` and `high`, both included. */
  number(name: string, low: number, high: number): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && value >= low && value <= high) return value;
    throw this.wrong(name, `a number ${range(low, high)}`, value);
  }

  integer(name: string, low: number, high: number = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= low && value <= high) return value;
    throw this.wrong(name, `a whole number ${range(low, high)}`, value);
  }

  record(name: string): JsonRecord | undefined {
    const value = this.get(name);
    if (value === undefined || isRecord(value)) return value;
    throw this.wrong(name, "an object", value);
  }

  requiredRecord(name: string): JsonRecord {
    const value = this.record(name);
    if (value === undefined) throw this.wrong(name, "an object", value);
    return value;
  }

  array(name: string): readonly unknown[] | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value)) return value as readonly unknown[];
    throw this.wrong(name, "a list", value);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.get(name);
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw this.wrong(name, `one of ${values.join(", ")}`, value);
    return found;
  }

  /** The names of the fields (null counts as absent) that are not among `known`. */
  namesOtherThan(known: readonly string[]): readonly string[] {
    return Object.keys(this.#record).filter((name) => this.get(name) !== undefined && !known.includes(name));
  }

  wrong(name: string, expected: string, value: unknown): Error {
    return invalid(name, `'${name}' must be ${expected}, not ${show(value)}`);
  }
}

function range(low: number, high: number): string {
  if (high === Number.MAX_SAFE_INTEGER || high === Infinity) return `of at least ${low}`;
  return `between ${low} and ${high}`;
}
