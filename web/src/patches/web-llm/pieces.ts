/**
 * What: replaces the pipeline's `embedAndForward`, so that a prompt is fed in pieces short enough to stop between.
 * Why: WebLLM cuts a prompt by the size compiled into the model's library (256 to 8192 tokens) and hands all pieces to
 * the GPU at once; `interruptGenerate` would wait for the whole prompt.
 * Upstream: no issue that we know of (mlc-ai/web-llm#41 brought `interruptGenerate`, which looks between two tokens only).
 * Contract: tests/page/patches/web_llm.test.ts.
 */

/** Of WebLLM's pipeline. */
export interface Forward {
  /** Submits the computation of some tokens or images; gives the logits of the last one. */
  readonly forward: (data: readonly unknown[], length: number) => Promise<unknown>;
  /** Waits until the GPU is idle. */
  readonly sync: () => Promise<unknown>;
}

const START = 64;
/** The kernels work on tiles of about this many tokens: shorter pieces would cost more than they make sooner. */
const TILE = 32;
const TARGET_MS = 100;

export class Pieces {
  readonly #gpu: Forward;
  readonly #between: () => void;
  readonly #now: () => number;
  /** How many tokens go in at once: learned from piece to piece, and kept for the next prompt. */
  #size = START;
  /** The piece that was submitted last. */
  #last: { readonly tokens: number; readonly started: number } | null = null;

  /** `between` is called before every piece but the first, with the GPU idle; what it throws ends the chat. */
  constructor(gpu: Forward, between: () => void, now: () => number = () => performance.now()) {
    this.#gpu = gpu;
    this.#between = between;
    this.#now = now;
  }

  newPrompt(): void {
    this.#last = null;
  }

  /** In place of WebLLM's `embedAndForward`. */
  async feed(data: readonly unknown[], length: number): Promise<unknown> {
    if (length === 1) return this.#gpu.forward(data, length); // a decoded token: WebLLM asks for a stop after each
    if (!data.every((ids) => Array.isArray(ids))) {
      await this.#settle();
      return this.#submit(data, length); // an image is one piece
    }
    const ids: readonly unknown[] = data.flat();
    let logits: unknown;
    for (let from = 0; from < length; ) {
      await this.#settle();
      const piece = ids.slice(from, from + this.#size);
      from += piece.length;
      logits = await this.#submit([piece], piece.length);
    }
    return logits;
  }

  #submit(data: readonly unknown[], tokens: number): Promise<unknown> {
    this.#last = { tokens, started: this.#now() };
    return this.#gpu.forward(data, tokens);
  }

  /** Wait for the piece before, if there is one, and learn from how long it took. */
  async #settle(): Promise<void> {
    if (this.#last === null) return;
    const { tokens, started } = this.#last;
    this.#last = null;
    await this.#gpu.sync();
    if (tokens >= TILE) {
      const fitting = (TARGET_MS * tokens) / Math.max(this.#now() - started, 1);
      this.#size = Math.max(TILE, Math.floor(fitting / TILE) * TILE);
    }
    this.#between();
  }
}
