/** Errors of the state as errors that a hook returns: the same object for the same error. */

import { BrowserLLMError, connectFailed } from "./errors.ts";
import type { ErrorInfo } from "./state.ts";

const made = new WeakMap<ErrorInfo, BrowserLLMError>();

export function errorOf(info: ErrorInfo): BrowserLLMError {
  const error = made.get(info) ?? new BrowserLLMError(info);
  made.set(info, error);
  return error;
}

/** Whatever was thrown, as an error with a way out. */
export function asError(thrown: unknown): BrowserLLMError {
  if (thrown instanceof BrowserLLMError) return thrown;
  return new BrowserLLMError(
    { ...connectFailed(thrown).toInfo(), code: "internal", title: "That did not work", remedy: null, actions: ["retry"] },
    { cause: thrown },
  );
}

/** Whether it is what a call rejects with that was given up. */
export function isCancelled(thrown: unknown): boolean {
  return thrown instanceof BrowserLLMError && thrown.code === "cancelled";
}
