/** Decides when to make another attempt and when to give up. */

import { cancelled, type PageError } from "../errors.ts";
import type { Platform } from "./platform.ts";
import type { RetryOptions } from "./requests.ts";

/** When a server asks us to wait longer than this, the download ends. */
export const MAX_RETRY_AFTER_MS = 120_000;

/** A failure after which another attempt may help; `error` is reported after the last one. */
export class Setback extends Error {
  readonly error: PageError;
  /** How long the server asked us to wait. */
  readonly wait_ms: number;

  constructor(error: PageError, wait_ms = 0) {
    super(error.message, { cause: error });
    this.error = error;
    this.wait_ms = wait_ms;
  }
}

export interface Attempts {
  readonly options: RetryOptions;
  readonly signal: AbortSignal;
  /** How far the attempts have got. An attempt that got further than all before it resets the count of failures. */
  readonly reached: () => number;
  readonly waiting: (ms: number) => void;
}

/** Repeat `attempt` until it succeeds, fails for good, or has failed more than `retries` times in a row without progress. */
export async function keepTrying<T>(
  platform: Pick<Platform, "clock" | "random">,
  { options, signal, reached, waiting }: Attempts,
  attempt: () => Promise<T>,
): Promise<T> {
  let best = reached();
  for (let failures = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Setback)) throw error;
      const came = reached();
      failures = came > best ? 1 : failures + 1;
      best = Math.max(best, came);
      if (failures > options.retries) throw error.error;
      const wait = Math.max(error.wait_ms, backoffMs(failures, options, platform.random()));
      waiting(wait);
      await sleep(platform.clock, wait, signal);
    }
  }
}

/** Exponential backoff with full jitter: anything between nothing and a bound that doubles with every failure. */
function backoffMs(failures: number, { backoff_ms, max_backoff_ms }: RetryOptions, random: number): number {
  return random * Math.min(max_backoff_ms, backoff_ms * 2 ** (failures - 1));
}

/** A `Retry-After` header in milliseconds from `now`: seconds or a date; null when it is missing or not valid. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** Resolves after `ms`; rejects as soon as `signal` fires. */
export function sleep(clock: Platform["clock"], ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      wake();
      reject(reasonOf(signal));
    };
    const wake = clock.after(ms, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : cancelled("the download");
}
