/** The one error of this package: what happened, and what to do about it. */

import type { ErrorInfo } from "./state.ts";

/**
 * An action that failed. `code` is stable: that of a `BrowserLLMError` in Python, or one of the page's own
 * (`disconnected`: Python is gone, `connect_failed`: it did not start).
 */
export class BrowserLLMError extends Error {
  override readonly name = "BrowserLLMError";
  readonly code: string;
  readonly title: string;
  readonly remedy: string | null;
  readonly actions: ErrorInfo["actions"];
  readonly data: Readonly<Record<string, unknown>>;

  constructor(info: ErrorInfo, options?: ErrorOptions) {
    super(info.message, options);
    this.code = info.code;
    this.title = info.title;
    this.remedy = info.remedy;
    this.actions = info.actions;
    this.data = info.data;
  }

  /** The error as plain data, as it stands in the state. */
  toInfo(): ErrorInfo {
    const { code, title, message, remedy, actions, data } = this;
    return { code, title, message, remedy, actions, data };
  }
}

/** The error of a call that its caller gave up. */
export function cancelled(cause?: unknown): BrowserLLMError {
  const info = { code: "cancelled", title: "Cancelled", message: "the call was cancelled", remedy: null, actions: [], data: {} };
  return new BrowserLLMError(info, { cause });
}

/** The error of a call whose arguments JSON cannot write: they are circular, or have a `BigInt`. */
export function unwritable(cause: unknown): BrowserLLMError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const info = { code: "invalid_request", title: "That did not work", message: `the arguments cannot be sent: ${why}`, remedy: null, actions: [], data: {} };
  return new BrowserLLMError(info, { cause });
}

/** The error of calls after the connection to Python ended. */
export function disconnected(cause?: unknown): BrowserLLMError {
  const reason = cause instanceof Error ? cause.message : cause;
  const why = typeof reason === "string" && reason !== "" ? `: ${reason}` : "";
  return new BrowserLLMError(
    {
      code: "disconnected",
      title: "The connection to the app was lost",
      message: `the connection to browserllm is closed${why}`,
      remedy: "Connect again, or reload the page. Saved conversations are kept.",
      actions: ["retry", "reload"],
      data: {},
    },
    { cause },
  );
}

/** Any failure while connecting, as an error with a way out. */
export function connectFailed(cause: unknown): BrowserLLMError {
  if (cause instanceof BrowserLLMError) return cause;
  return new BrowserLLMError(
    {
      code: "connect_failed",
      title: "The app did not start",
      message: cause instanceof Error ? cause.message : String(cause),
      remedy: "Try again. If it does not help, check the connection and reload the page.",
      actions: ["retry", "reload"],
      data: {},
    },
    { cause },
  );
}
