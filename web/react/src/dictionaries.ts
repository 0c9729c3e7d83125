/** The parts of the state that are looked up by ids: they inherit no names, so that "constructor" is an id like any other. */

import type { Step } from "./patches.ts";
import { EMPTY_STATE as EMPTY } from "./state.ts";

/** Where they stand; `null` is any id. */
const PLACES: readonly (readonly (string | null)[])[] = [
  ["models"],
  ["downloads"],
  ["loads"],
  ["conversations"],
  ["threads"],
  ["threads", null, "messages"],
  ["threads", null, "children"],
  ["approvals"],
  ["clouds"],
];

/** The state before the first one came. */
export const EMPTY_STATE = bare(EMPTY);

/** Take what is inherited from the dictionaries in a value that belongs at a path of the state; returns the value, changed. */
export function bare<T>(value: T, path: readonly Step[] = []): T {
  for (const place of PLACES) {
    if (path.every((step, at) => at < place.length && (place[at] === null || place[at] === step))) walk(value, place.slice(path.length));
  }
  return value;
}

function walk(value: unknown, [step, ...rest]: readonly (string | null)[]): void {
  if (typeof value !== "object" || value === null) return;
  if (step === undefined) Object.setPrototypeOf(value, null);
  else if (step === null) for (const each of Object.values(value)) walk(each, rest);
  else if (Object.hasOwn(value, step)) walk((value as Record<string, unknown>)[step], rest);
}
