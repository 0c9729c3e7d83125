/** The engines of this page. An engine's code is fetched when it is first needed, so that unused engines cost nothing. */

import { PageError } from "./errors.ts";
import type { Engine } from "./engine.ts";
import type { Device } from "./protocol.ts";

/** What an engine can do with a suitable model. */
export type Capability = "chat" | "embed" | "images" | "logprobs" | "structured_output";

export interface EngineFacts {
  readonly name: string;
  readonly version: string;
  readonly devices: readonly Device[];
  readonly capabilities: readonly Capability[];
}

export interface EngineEntry extends EngineFacts {
  readonly import: () => Promise<Engine>;
}

export class EngineRegistry {
  readonly #entries = new Map<string, EngineEntry>();
  readonly #loaded = new Map<string, Promise<Engine>>();

  constructor(entries: readonly EngineEntry[]) {
    for (const entry of entries) this.#entries.set(entry.name, entry);
  }

  list(): readonly EngineFacts[] {
    return [...this.#entries.values()].map(({ name, version, devices, capabilities }) => ({ name, version, devices, capabilities }));
  }

  /** An engine, ready to load models for `device`. */
  async get(name: string, device: Device): Promise<Engine> {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      const names = [...this.#entries.keys()].join(", ");
      throw new PageError("unsupported", `unknown engine "${name}"; choose one of: ${names}`, { engine: name });
    }
    if (!entry.devices.includes(device)) {
      const there = entry.devices.join(" and ");
      throw new PageError("unsupported", `the engine "${name}" runs on ${there} only, not on ${device}`, { engine: name, device });
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
