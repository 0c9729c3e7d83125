/** Reports the progress of a download: messages with all changed files, at most one every 250 ms. */

import type { FileProgress, Progress } from "../protocol.ts";
import type { Platform } from "./platform.ts";
import type { RequestedFile } from "./requests.ts";

const REPORT_EVERY_MS = 250;

export class Report {
  readonly #files: FileProgress[];
  readonly #clock: Platform["clock"];
  readonly #send: (progress: Progress) => void;
  readonly #changed = new Set<number>();
  #lastSent = -Infinity;
  #cancelTimer: (() => void) | null = null;

  constructor(files: readonly RequestedFile[], clock: Platform["clock"], send: (progress: Progress) => void) {
    this.#files = files.map(({ url, size_bytes }) => ({
      url,
      state: "waiting",
      loaded_bytes: 0,
      total_bytes: size_bytes,
      attempt: 1,
      retry_in_ms: null,
    }));
    this.#clock = clock;
    this.#send = send;
  }

  change(index: number, change: Partial<FileProgress>): void {
    const file = this.#files[index];
    if (file === undefined) return;
    this.#files[index] = { ...file, ...change };
    this.#changed.add(index);
    const wait = this.#lastSent + REPORT_EVERY_MS - this.#clock.now();
    if (wait <= 0) this.flush();
    else this.#cancelTimer ??= this.#clock.after(wait, () => { this.flush(); });
  }

  /** Send the pending changes. */
  flush(): void {
    this.stop();
    if (this.#changed.size === 0) return;
    const files = [...this.#changed].map((index) => this.#files[index]).filter((file) => file !== undefined);
    this.#changed.clear();
    this.#lastSent = this.#clock.now();
    this.#send({ ...this.#totals(), files });
  }

  /** Stop the timer. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #totals(): Omit<Progress, "files"> {
    let loaded = 0;
    let total: number | null = 0;
    let done = 0;
    let active = 0;
    let verifying = 0;
    for (const { state, loaded_bytes, total_bytes } of this.#files) {
      loaded += loaded_bytes;
      total = total === null || total_bytes === null ? null : total + total_bytes;
      if (state === "done") done += 1;
      else if (state !== "waiting") active += 1;
      if (state === "verifying") verifying += 1;
    }
    const count = this.#files.length;
    return {
      phase: active > 0 && verifying === active ? "verifying" : "downloading",
      fraction: fractionOf(loaded, total, done === count),
      text: `${done} of ${count} ${count === 1 ? "file" : "files"}`,
      loaded_bytes: loaded,
      total_bytes: total,
    };
  }
}

function fractionOf(loaded: number, total: number | null, done: boolean): number | null {
  if (done) return 1;
  return total === null || total === 0 ? null : Math.min(1, loaded / total);
}
