/** Limits how many tasks run at once; the others wait in order. */

import { reasonOf } from "./retry.ts";

export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** `width`: how many tasks may run at once. */
  constructor(width: number) {
    this.#free = width;
  }

  /** Run `work` when its turn comes. A waiting caller leaves the queue, and rejects, as soon as `signal` fires. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#wait(signal);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(reasonOf(signal));
        return;
      }
      if (this.#free > 0) {
        this.#free -= 1;
        resolve();
        return;
      }
      const begin = (): void => {
        leave();
        resolve();
      };
      const abort = (): void => {
        leave();
        reject(reasonOf(signal));
      };
      const leave = (): void => {
        this.#waiting.delete(begin);
        signal.removeEventListener("abort", abort);
      };
      this.#waiting.add(begin);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}
