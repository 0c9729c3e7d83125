/** The common part of Transformers.js's models: their device, the watch over it, and unloading. */

import type { PreTrainedModel, PreTrainedTokenizer } from "@huggingface/transformers";
import { gpuError, type GpuWatch } from "../gpu.ts";
import type { ComputeDevice } from "../protocol.ts";
import { contextWindow } from "./config.ts";

export interface Parts {
  readonly name: string;
  readonly device: ComputeDevice;
  readonly model: PreTrainedModel;
  readonly tokenizer: PreTrainedTokenizer;
  readonly watch: GpuWatch | null;
}

export abstract class Loaded {
  readonly device: ComputeDevice;
  readonly adapter: string | null;
  readonly context_window: number | null;
  readonly lost: Promise<string>;
  protected readonly parts: Parts;
  #unloaded = false;

  constructor(parts: Parts) {
    this.parts = parts;
    this.device = parts.device;
    this.adapter = parts.watch?.adapter ?? null;
    this.context_window = contextWindow(parts.model.config);
    this.lost = new Promise((resolve) => {
      parts.watch?.onFault(({ reason }) => { resolve(reason); });
    });
  }

  async unload(): Promise<void> {
    if (this.#unloaded) return;
    this.#unloaded = true;
    const freed = this.letGo().then(() => this.parts.model.dispose());
    // After a loss there is nothing to wait for, and waiting on a dead device may never end.
    if (this.parts.watch?.fault == null) await freed;
    else freed.catch(() => undefined);
    this.parts.watch?.destroy();
  }

  /** Free what the model holds besides its networks. */
  protected letGo(): Promise<void> {
    return Promise.resolve();
  }

  protected guard<T>(promise: Promise<T>): Promise<T> {
    const { watch, name } = this.parts;
    return watch === null ? promise : watch.guard(promise, (fault) => gpuError(fault, name));
  }
}
