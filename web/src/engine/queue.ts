/** The queue in front of the models: first in, first out, one at a time, because a runtime generates one text at a time. */

import { PageError } from "./errors.ts";

const MAX_QUEUE = 64;

interface Waiting {
  readonly start: () => void;
  readonly moved: (position: number) => void;
}

export class FifoQueue {
  readonly #waiting: Waiting[] = [];
  readonly #limit: number;
  #busy = false;

  constructor(limit: number = MAX_QUEUE) {
    this.#limit = limit;
  }

  /** How many wait, without the one that runs. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Wait for a turn. Resolves with the function that ends it, to be called exactly once. `moved` is called with the position
   * (1 is next) at the start and whenever it changes. A wait that `signal` ends rejects with the signal's reason.
   */
  async turn(signal: AbortSignal, moved: (position: number) => void): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#busy) await this.#wait(signal, moved);
    else this.#busy = true;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#next();
    };
  }

  #wait(signal: AbortSignal, moved: (position: number) => void): Promise<void> {
    if (this.#waiting.length >= this.#limit) {
      throw new PageError("queue_full", `${this.#waiting.length} requests are waiting already; try again later`, {
        limit: this.#limit,
      });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.#announce();
        // The reason is ours: an abort() in this worker always gives a PageError.
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        moved,
        start: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      moved(this.#waiting.length);
    });
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#busy = false;
      return;
    }
    next.start();
    this.#announce();
  }

  #announce(): void {
    this.#waiting.forEach((waiting, index) => {
      waiting.moved(index + 1);
    });
  }
}
