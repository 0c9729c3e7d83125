/** A clock that stands still until the test moves it. */

import { cancelled } from "../errors.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class ScriptedClock {
  now = 1_700_000_000_000;
  #timers: Timer[] = [];

  /** Call back after some milliseconds; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.now + ms, run };
    this.#timers.push(timer);
    return () => { this.#timers = this.#timers.filter((other) => other !== timer); };
  }

  /** Wait some milliseconds of this clock; rejects when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        cancel();
        reject(cancelled(signal.reason));
      };
      const cancel = this.after(ms, () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** Move on. What falls due runs in order, and so does what it starts. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = next.at;
      next.run();
    }
    this.now = end;
    await settled();
  }

  /** Whether something waits for the clock. */
  get busy(): boolean {
    return this.#timers.length > 0;
  }
}

/** Let promises that are resolved run on; no time goes by. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await Promise.resolve();
}
