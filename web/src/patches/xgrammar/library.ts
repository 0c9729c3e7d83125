/**
 * What: loads XGrammar by itself, and takes what it writes to the console while it starts.
 * Why: its file is no module, and it has no exceptions: it writes the reason to `console.error` and aborts. One realm has
 * one instance, with its memory; a new one is a new worker (constrainer.ts).
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/xgrammar.test.ts.
 */

export type XGrammar = (typeof import("@mlc-ai/web-xgrammar"))["default"];

/** Hears the instance's complaints: the listener of the last load. */
let listener: (complaint: string) => void = () => undefined;

/**
 * Load XGrammar and start its wasm. What it complains of goes to `hear` and not to the console: it has no exceptions, writes
 * why it gives up, and aborts.
 */
export async function loadXGrammar(hear: (complaint: string) => void): Promise<XGrammar> {
  // Its file is no module: a bundler makes one of it, and elsewhere it leaves its names in the global object.
  const { default: bundled } = (await import("@mlc-ai/web-xgrammar")) as { default?: XGrammar };
  const library = bundled ?? (globalThis as { xgrammar?: XGrammar }).xgrammar;
  if (library === undefined) throw new Error("XGrammar's file did not define its names");
  const { error } = console;
  listener = hear;
  console.error = (...parts: readonly unknown[]) => { listener(parts.map(String).join(" ")); };
  try {
    (await library.Grammar.fromEBNF('root ::= "a"')).dispose(); // the first call starts the wasm, which keeps the console's functions
  } finally {
    console.error = error;
  }
  return library;
}

/** Why XGrammar gave up, in its own words, without the place in its source. */
export function complaintOf(text: string): string | null {
  const found = /\[FATAL\] \S+:\d+: (?:Check failed: \(.*?\) is false: )?([\s\S]*)/.exec(text);
  return found?.[1] ?? null;
}
