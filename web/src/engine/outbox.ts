/** Joins chunks that come faster than one frame, so that a fast model does not flood the reader with messages. */

import { systemClock, type Clock } from "./clock.ts";
import type { Chunk, TokenLogprob } from "./protocol.ts";

export const FRAME_MS = 16;

/** The chunks of one request: the first goes out at once, later ones share at most one message a frame. */
export class ChunkOutbox {
  readonly #send: (chunk: Chunk) => void;
  readonly #clock: Clock;
  #text = "";
  #tokens = 0;
  #logprobs: TokenLogprob[] = [];
  #promptEnd: string | null = null;
  #lastSent = -Infinity;
  #cancelTimer: (() => void) | null = null;

  constructor(send: (chunk: Chunk) => void, clock: Clock = systemClock) {
    this.#send = send;
    this.#clock = clock;
  }

  push(text: string, tokens: number, logprobs: readonly TokenLogprob[] = [], promptEnd: string | null = null): void {
    this.#promptEnd ??= promptEnd;
    this.#text += text;
    this.#tokens += tokens;
    this.#logprobs.push(...logprobs);
    const wait = this.#lastSent + FRAME_MS - this.#clock.now();
    // Checked on every push, not only by the timer: a runtime that computes without pause lets no timer through.
    if (wait <= 0) this.flush();
    else this.#cancelTimer ??= this.#clock.after(wait, () => { this.flush(); });
  }

  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#text === "" && this.#tokens === 0 && this.#logprobs.length === 0) return;
    const promptEnd = this.#promptEnd;
    const chunk = { text: this.#text, tokens: this.#tokens, ...(promptEnd === null ? {} : { prompt_end: promptEnd }) };
    this.#promptEnd = null;
    const logprobs = this.#logprobs;
    this.#text = "";
    this.#tokens = 0;
    this.#logprobs = [];
    this.#lastSent = this.#clock.now();
    this.#send(logprobs.length === 0 ? chunk : { ...chunk, logprobs });
  }
}
