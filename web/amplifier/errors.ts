/** The error of an agent: what happened, whether trying again can help, and what to do. */

import { asError } from "@browserllm/react/failures";
import { BrowserLLMError } from "@browserllm/react/errors";

/** Trying again does not help: the request, the page or the device has to change. */
const FINAL = new Set(["invalid_request", "unsupported", "model_not_found", "protocol", "disposed"]);
const FINAL_REASONS = new Set(["missing_feature", "insecure_context", "turned_off", "private", "policy"]);

export class AmplifierError extends Error {
  override readonly name = "AmplifierError";
  /**
   * Stable, for programs: that of a `BrowserLLMError` (`cancelled`, `out_of_memory`, `model_not_found`, ...), or one of this page's own:
   * `not_ready`, `busy`, `disposed`.
   */
  readonly code: string;
  /** Whether the same call may succeed when it is tried again, at once or after what `suggestion` says. */
  readonly recoverable: boolean;
  /** What to do about it, for people. */
  readonly suggestion: string | null;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, { suggestion = null, data = {}, cause }: { suggestion?: string | null; data?: Readonly<Record<string, unknown>>; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.suggestion = suggestion;
    this.data = data;
    this.recoverable = !FINAL.has(code) && !FINAL_REASONS.has(String(data.reason));
  }
}

/** Whatever was thrown, as the error of an agent; the original is its `cause`. */
export function amplifierError(thrown: unknown): AmplifierError {
  if (thrown instanceof AmplifierError) return thrown;
  const error: BrowserLLMError = asError(thrown);
  const { code, message, remedy, data } = error;
  return new AmplifierError(code, message, { suggestion: remedy, data, cause: thrown });
}
