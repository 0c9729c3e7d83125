/** The engines of this page. An engine's code is fetched when it is first asked for, so nobody pays for the others. */

import { PageError } from "./errors.ts";
import type { Engine } from "./engine.ts";

export interface EngineEntry {
  readonly name: string;
  readonly version: string;
  readonly import: () => Promise<Engine>;
}

export class EngineRegistry {
  readonly #entries = new Map<string, EngineEntry>();
  readonly #loaded = new Map<string, Promise<Engine>>();

  constructor(entries: readonly EngineEntry[]) {
    for (const entry of entries) this.#entries.set(entry.name, entry);
  }

  list(): readonly { readonly name: string; readonly version: string }[] {
    return [...this.#entries.values()].map(({ name, version }) => ({ name, version }));
  }

  async get(name: string): Promise<Engine> {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      const names = [...this.#entries.keys()].join(", ");
      throw new PageError("unsupported", `there is no engine "${name}" in this page; it has ${names}`, { engine: name });
    }
    let engine = this.#loaded.get(name);
    if (engine === undefined) {
      engine = entry.import();
      this.#loaded.set(name, engine);
    }
    try {
      return await engine;
    } catch (error) {
      this.#loaded.delete(name); // a failed download must not be remembered
      const reason = error instanceof Error ? error.message : String(error);
      throw new PageError("load_failed", `the engine "${name}" could not be fetched: ${reason}`, { engine: name }, error);
    }
  }
}
