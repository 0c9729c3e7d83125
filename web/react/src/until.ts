import { deferred } from "./deferred.ts";
import { cancelled } from "./errors.ts";

/** Wait for a promise, or for the caller to give up. */
export async function until<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  if (signal.aborted) throw cancelled(signal.reason);
  const { promise: aborted, reject } = deferred<never>();
  const abort = (): void => { reject(cancelled(signal.reason)); };
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
