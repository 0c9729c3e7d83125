/** Errors as they cross to Python: a code of the protocol, a message for people, and data for programs. */

/** The codes of what can go wrong in a page; Python has more. */
export type ErrorCode =
  | "unavailable"
  | "model_not_found"
  | "model_not_loaded"
  | "load_failed"
  | "out_of_memory"
  | "device_lost"
  | "context_exceeded"
  | "quota_exceeded"
  | "integrity"
  | "download_interrupted"
  | "invalid_request"
  | "unsupported"
  | "cancelled"
  | "content_filtered"
  | "timeout"
  | "stalled"
  | "rate_limited"
  | "queue_full"
  | "protocol"
  | "internal";

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An error with a code of the protocol. */
export class PageError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, data: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "PageError";
    this.code = code;
    this.data = data;
  }

  body(): ErrorBody {
    return { code: this.code, message: this.message, data: this.data };
  }
}

export function invalid(parameter: string, message: string): PageError {
  return new PageError("invalid_request", message, { parameter });
}

export function cancelled(what: string): PageError {
  return new PageError("cancelled", `${what} was cancelled`);
}

/** The name and message of anything that can be thrown. */
export function describe(error: unknown): { name: string; message: string } {
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: typeof error, message: String(error) };
}

/** Any thrown value as a PageError; an unknown one becomes `internal` and keeps its name. */
export function toPageError(error: unknown): PageError {
  if (error instanceof PageError) return error;
  const { name, message } = describe(error);
  if (name === "QuotaExceededError") {
    return new PageError("quota_exceeded", `the browser's storage is full: ${message}`, {}, error);
  }
  return new PageError("internal", `${name}: ${message}`, { name }, error);
}
