/** The engines of this page. An engine's code is fetched when it is first needed, so that unused engines cost nothing. */

import { PageError } from "./errors.ts";
import type { Engine } from "./engine.ts";
import type { HonouredOptions } from "./options.ts";
import type { Device } from "./protocol.ts";

/** What an engine can do with a suitable model. */
export type Capability = "chat" | "embed" | "images" | "interleaved_images" | "logprobs" | "structured_output" | "json_schema";

export interface EngineFacts {
  readonly name: string;
  readonly version: string;
  readonly devices: readonly Device[];
  readonly capabilities: readonly Capability[];
  /** The options of a chat that it honours with a suitable model. */
  readonly options: HonouredOptions;
}

/** The window of the page, for engines that the browser offers there alone (window/engines.ts). */
export interface EngineWindow {
  /** Whether the window has the engine's half. */
  has(engine: string): boolean;
  /** A port to that half. */
  open(engine: string): MessagePort;
}

export interface EngineEntry extends EngineFacts {
  /** Whether it runs in the window: the page has it where the window does. */
  readonly in_window?: true;
  readonly import: (window: EngineWindow) => Promise<Engine>;
}

export class EngineRegistry {
  readonly #entries = new Map<string, EngineEntry>();
  readonly #loaded = new Map<string, Promise<Engine>>();

  readonly #window: EngineWindow;

  constructor(entries: readonly EngineEntry[], window: EngineWindow = NO_WINDOW) {
    for (const entry of entries) this.#entries.set(entry.name, entry);
    this.#window = window;
  }

  /** The engines that there are in this page and this browser. */
  list(): readonly EngineFacts[] {
    return this.#present.map(({ name, version, devices, capabilities, options }) => ({ name, version, devices, capabilities, options }));
  }

  /** The options of a chat that an engine honours; none for an unknown engine. */
  options(name: string): HonouredOptions {
    return this.#entries.get(name)?.options ?? {};
  }

  /** Of the engines that the browser brings, whether their model is there; one that does not answer is left out. */
  async availability(): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {};
    for (const entry of this.#present.filter(({ in_window }) => in_window === true)) {
      try {
        const said = await (await this.#import(entry)).availability?.();
        if (said !== undefined) found[entry.name] = said;
      } catch {
        // A load says what is wrong.
      }
    }
    return found;
  }

  get #present(): readonly EngineEntry[] {
    return [...this.#entries.values()].filter(({ name, in_window }) => in_window !== true || this.#window.has(name));
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
    if (entry.in_window === true && !this.#window.has(name)) {
      const message = `this browser does not offer the engine "${name}" to pages; use a browser that does, or another model`;
      throw new PageError("unavailable", message, { reason: "missing_feature", engine: name });
    }
    try {
      return await this.#import(entry);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new PageError("load_failed", `the engine "${name}" could not be fetched: ${reason}`, { engine: name }, error);
    }
  }

  async #import(entry: EngineEntry): Promise<Engine> {
    let engine = this.#loaded.get(entry.name);
    if (engine === undefined) {
      engine = entry.import(this.#window);
      this.#loaded.set(entry.name, engine);
    }
    try {
      return await engine;
    } catch (error) {
      this.#loaded.delete(entry.name); // a failed download must not be remembered
      throw error;
    }
  }
}

const NO_WINDOW: EngineWindow = {
  has: () => false,
  open: (engine) => { throw new PageError("unavailable", `the engine "${engine}" needs a page with a window`, { reason: "no_window" }); },
};
