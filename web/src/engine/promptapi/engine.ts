/** The engine for the browser's own model. `LanguageModel` exists only in windows: window.ts is the window's half. */

import type { Engine, LoadContext, LoadedModel } from "../engine.ts";
import { cancelled, PageError } from "../errors.ts";
import type { LoadRequest } from "../protocol.ts";
import { LanguageModelLink, type Port } from "./link.ts";
import { PromptApiModel, TokenMeter } from "./model.ts";

/** How long a probe waits for a window whose thread is busy. */
const ANSWERS_WITHIN_MS = 2000;

export class PromptApiEngine implements Engine {
  readonly #link: LanguageModelLink;
  readonly #answersWithinMs: number;

  /** `port` leads to the window's half. */
  constructor(port: Port, answersWithinMs: number = ANSWERS_WITHIN_MS) {
    this.#link = new LanguageModelLink(port);
    this.#answersWithinMs = answersWithinMs;
  }

  /** What `LanguageModel.availability()` says: unavailable, downloadable, downloading or available. */
  availability(): Promise<string> {
    return this.#link.ask("availability", {}, { signal: AbortSignal.timeout(this.#answersWithinMs) });
  }

  async load(request: LoadRequest, { signal, report }: LoadContext): Promise<LoadedModel> {
    const link = this.#link;
    try {
      const availability = await link.ask("availability", {}, { signal });
      if (availability === "unavailable") {
        const message = "the browser's own model is not available here (LanguageModel.availability() says 'unavailable'); choose another model";
        throw new PageError("unavailable", message, { reason: "missing_feature" });
      }
      const loading = { phase: "loading", fraction: null, text: "The browser loads its model" } as const;
      if (availability === "available") report(loading);
      else report({ phase: "downloading", fraction: 0, text: "The browser downloads its model" });
      const onProgress = (loaded: number): void => {
        if (availability === "available") return; // then the browser reports 0 and 1, and downloads nothing
        report(loaded >= 1 ? loading : { phase: "downloading", fraction: loaded, text: "The browser downloads its model" });
      };
      const base = await link.ask("create", { initialPrompts: [], sampling: null }, { signal, onProgress });
      try {
        const params = await link.ask("params", {}, { signal });
        const meter = await TokenMeter.start(link, base.session, signal);
        return new PromptApiModel(link, base, params, meter);
      } catch (error) {
        link.destroy(base.session);
        throw error;
      }
    } catch (error) {
      if (signal.aborted) throw cancelled(`loading "${request.model}"`);
      if (error instanceof PageError && error.code === "internal") throw new PageError("load_failed", `the model "${request.model}" did not load: ${error.message}`, error.data, error);
      throw error;
    }
  }
}
