/** Applies the patches of docs/app.md to a copy of the state. What no patch touches keeps its identity. */

export type Step = string | number;

export interface Patch {
  readonly op: "set" | "delete" | "append";
  readonly path: readonly Step[];
  readonly value?: unknown;
}

/** Return the value with the patches applied; throws if one does not fit, and leaves the value as it is. */
export function applyPatches(value: unknown, patches: readonly Patch[]): unknown {
  // Objects that this round has copied already: they are ours to change.
  const fresh = new Set<object>();
  return patches.reduce((now, patch) => applyAt(now, patch, 0, fresh), value);
}

type Holder = Record<Step, unknown>;

function applyAt(value: unknown, patch: Patch, depth: number, fresh: Set<object>): unknown {
  const step = patch.path[depth];
  if (step === undefined) return atEnd(value, patch);
  if (typeof value !== "object" || value === null) throw misfit(patch);
  if (depth === patch.path.length - 1 && patch.op === "delete") return without(value, step, patch);
  const isLast = depth === patch.path.length - 1 && patch.op === "set";
  if (!isLast && !Object.hasOwn(value, step)) throw misfit(patch);
  if (Array.isArray(value) && !(typeof step === "number" && step >= 0 && step <= value.length)) throw misfit(patch);
  const changed = applyAt((value as Holder)[step], patch, depth + 1, fresh);
  if (Object.is(changed, (value as Holder)[step])) return value;
  const copy = fresh.has(value) ? value : copyOf(value, fresh);
  // Never an assignment: "__proto__" is a key like any other here.
  Object.defineProperty(copy, step, { value: changed, writable: true, enumerable: true, configurable: true });
  return copy;
}

function atEnd(value: unknown, patch: Patch): unknown {
  if (patch.op === "set") return patch.value;
  if (patch.op === "append" && typeof value === "string" && typeof patch.value === "string") return value + patch.value;
  throw misfit(patch);
}

function without(value: object, step: Step, patch: Patch): unknown {
  if (Array.isArray(value) || !Object.hasOwn(value, step)) throw misfit(patch);
  return fromEntries(Object.entries(value).filter(([key]) => key !== String(step)), value);
}

function copyOf(value: object, fresh: Set<object>): object {
  const copy = Array.isArray(value) ? [...(value as unknown[])] : fromEntries(Object.entries(value), value);
  fresh.add(copy);
  return copy;
}

/** An object that inherits nothing if `like` does not either. */
function fromEntries(entries: readonly [string, unknown][], like: object): object {
  const made = Object.fromEntries(entries);
  return Object.getPrototypeOf(like) === null ? (Object.setPrototypeOf(made, null) as object) : made;
}

function misfit(patch: Patch): Error {
  return new Error(`the patch ${patch.op} at ${JSON.stringify(patch.path)} does not fit the state`);
}

/** Return `next`, with every part that is equal to that of `old` replaced by it: so it keeps its identity. */
export function share(old: unknown, next: unknown): unknown {
  if (Object.is(old, next)) return old;
  if (typeof old !== "object" || typeof next !== "object" || old === null || next === null) return next;
  if (Array.isArray(old) !== Array.isArray(next)) return next;
  const before = old as Holder;
  const keys = Object.keys(next);
  let same = keys.length === Object.keys(old).length;
  const entries = keys.map((key): [string, unknown] => {
    const value = (next as Holder)[key];
    const shared = Object.hasOwn(before, key) ? share(before[key], value) : value;
    same &&= Object.hasOwn(before, key) && Object.is(shared, before[key]);
    return [key, shared];
  });
  if (same) return old;
  return Array.isArray(next) ? entries.map(([, value]) => value) : fromEntries(entries, next);
}
