/** Runs something at most every so many milliseconds; the last request is never lost. */
export class Throttle {
  readonly #run: () => void;
  #ranAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Run at once if the last run is long enough ago, and otherwise when it is. */
  soon(waitMs: number): void {
    const left = this.#ranAt + waitMs - Date.now();
    if (left <= 0) this.now();
    else this.#timer ??= setTimeout(() => { this.now(); }, left);
  }

  now(): void {
    this.cancel();
    this.#ranAt = Date.now();
    this.#run();
  }

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
