/** A clock that stands still until the test moves it. */

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
