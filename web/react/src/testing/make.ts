/** Parts of the state for tests: give the fields that matter, the others have their defaults. */

import { DEFAULTS, type Structs } from "./defaults.ts";

type Given<K extends keyof Structs> = Omit<Structs[K], keyof (typeof DEFAULTS)[K]> & Partial<Structs[K]>;

/** Make a struct of the state: `make("Model", { id: "pocket", name: "Pocket" })`. */
export function make<K extends keyof Structs>(kind: K, fields: Given<K>): Structs[K] {
  return { ...DEFAULTS[kind], ...fields } as unknown as Structs[K];
}
