/**
 * The decode loop. Our own and not the library's generate(), because a stop must take effect between two forward passes,
 * the KV cache must outlive a request, and every sampling option must work the same way. It knows only numbers: what
 * runs the network is a `TokenModel`. (The rows of an image are numbers too, see vision.ts.)
 */

import type { Matcher } from "../constraint/constrainer.ts";
import { applyMask } from "../constraint/mask.ts";
import type { FinishReason } from "../engine.ts";
import type { Sampler } from "./sampler.ts";

export interface TokenModel {
  /**
   * Compute what these tokens need before they are fed (their images). `goOn` is called between two steps; returns false
   * when it returned false.
   */
  prepare?(ids: readonly number[], goOn: () => Promise<boolean>): Promise<boolean>;
  /** Run the network on tokens that follow those fed before; returns the logits after the last one, ours to change. */
  feed(ids: readonly number[], past: number): Promise<Float32Array>;
  /** Forget everything fed. */
  reset(): Promise<void>;
}

/** Yields to the event loop: a network on the CPU would otherwise delay a stop until its end. */
export type YieldToEvents = () => Promise<void>;

export interface DecodeJob {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly contextWindow: number;
  readonly sampler: Sampler;
  /** The constraint on the answer; the caller ends it. */
  readonly matcher?: Pick<Matcher, "mask" | "accept"> | undefined;
  readonly isEnd: (id: number) => boolean;
  /** Called with each token and the logits it was picked from; returns whether to continue. */
  readonly onToken: (id: number, logits: Float32Array) => boolean;
  readonly signal: AbortSignal;
}

export interface DecodeResult {
  readonly finish: FinishReason;
  readonly generated: number;
  readonly cached: number;
}

export interface PrefillPace {
  readonly start: number;
  readonly least: number;
  readonly most: number;
  /** How long one forward pass of a prompt may block the thread. */
  readonly target_ms: number;
}

export class Decoder {
  readonly #model: TokenModel;
  readonly #yieldToEvents: YieldToEvents;
  readonly #pace: PrefillPace;
  readonly #now: () => number;
  /** The tokens that the KV cache holds. */
  #fed: number[] = [];
  /**
   * How many tokens of a prompt go in at once: learned from the first pieces, and then kept. An 8-bit network scales its
   * activations by the whole piece, so that pieces of another size could end in another answer.
   */
  #size: number;
  #measured = 0;

  constructor(model: TokenModel, yieldToEvents: YieldToEvents, pace: PrefillPace, now: () => number = () => performance.now()) {
    this.#model = model;
    this.#yieldToEvents = yieldToEvents;
    this.#pace = pace;
    this.#size = pace.start;
    this.#now = now;
  }

  async run(job: DecodeJob): Promise<DecodeResult> {
    const cached = await this.#reuse(job.prompt);
    let generated = 0;
    const end = (finish: FinishReason): DecodeResult => ({ finish, generated, cached });
    try {
      let logits = await this.#prefill(job.prompt.slice(cached), job.signal);
      for (;;) {
        if (logits === null || stopped(job.signal)) return end("cancelled");
        const mask = await job.matcher?.mask();
        if (mask != null) applyMask(logits, mask);
        if (stopped(job.signal)) return end("cancelled");
        const picked = job.sampler.pick(logits);
        // The end token counts, as it does in WebLLM and in most servers: it cost a step.
        generated += 1;
        if (job.isEnd(picked)) return end("stop");
        if (!job.onToken(picked, logits)) return end("stop");
        if (generated >= job.maxTokens || this.#fed.length + 1 >= job.contextWindow) return end("length");
        job.matcher?.accept(picked);
        await this.#yieldToEvents();
        if (stopped(job.signal)) return end("cancelled");
        logits = await this.#feed([picked]);
      }
    } catch (error) {
      await this.reset();
      throw error;
    }
  }

  async reset(): Promise<void> {
    this.#fed = [];
    await this.#model.reset();
  }

  /** How much of the prompt is in the KV cache; where it does not match, the cache is cleared. */
  async #reuse(prompt: readonly number[]): Promise<number> {
    const fits = this.#fed.length < prompt.length && this.#fed.every((id, index) => prompt[index] === id);
    if (!fits && this.#fed.length > 0) await this.reset();
    return this.#fed.length;
  }

  /** Null when a stop came first: what was fed until then stays in the KV cache. */
  async #prefill(ids: readonly number[], signal: AbortSignal): Promise<Float32Array | null> {
    let logits: Float32Array | null = null;
    let from = 0;
    const goOn = async (): Promise<boolean> => {
      await this.#yieldToEvents();
      return !stopped(signal);
    };
    while (from < ids.length) {
      if (from > 0) await this.#yieldToEvents();
      if (signal.aborted) return null;
      const piece = ids.slice(from, from + this.#size);
      if ((await this.#model.prepare?.(piece, goOn)) === false) return null;
      from += piece.length;
      const started = this.#now();
      logits = await this.#feed(piece);
      this.#learn((this.#now() - started) / piece.length);
    }
    return logits;
  }

  #learn(each_ms: number): void {
    if (this.#measured === PIECES_TO_LEARN) return;
    this.#measured += 1;
    const { least, most, target_ms } = this.#pace;
    // Powers of two, so that two loads on one machine usually learn the same size.
    const fitting = each_ms > 0 ? 2 ** Math.floor(Math.log2(target_ms / each_ms)) : most;
    this.#size = Math.min(most, Math.max(least, fitting));
  }

  async #feed(ids: readonly number[]): Promise<Float32Array> {
    const logits = await this.#model.feed(ids, this.#fed.length);
    this.#fed.push(...ids);
    return logits;
  }
}

/** The first piece also pays for a network's start; a model's validation, about 30 tokens, is usually enough. */
const PIECES_TO_LEARN = 3;

/** Asked anew each time: a signal changes while the loop waits, which a plain `signal.aborted` hides from the compiler. */
function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}
