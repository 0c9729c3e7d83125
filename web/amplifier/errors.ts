/** The error of an agent: what happened, whether trying again can help, and what to do. */

import { asError } from "@browserllm/react/failures";
import { BrowserLLMError } from "@browserllm/react/errors";

/** Trying again does not help: the request, the page or the device has to change. */
const FINAL = new Set(["invalid_request", "unsupported", "model_not_found", "protocol", "disposed"]);
const FINAL_REASONS = new Set(["missing_feature", "not_installed", "insecure_context", "turned_off", "private", "policy"]);

/** What to do where the app has no words for it, because the message says it already. */
const SUGGESTIONS: Readonly<Record<string, string>> = {
  invalid_request: "Change what the message names.",
  unsupported: "Leave out what the message names, or choose another model.",
  model_not_loaded: "Try again: the model is loaded for it.",
  queue_full: "Wait for the answers in progress, and try again.",
  budget_exceeded: "Raise the budget, or choose a model that costs less.",
  all_backends_failed: "The message says what each model needs. Choose another one, or try again.",
  protocol: "Reload the page. If it does not help, build the site again.",
  cancelled: "Try again.",
};
const OTHERWISE = "Try again. If it does not help, reload the page.";

/** What else an error says. */
interface Details {
  readonly suggestion?: string | null;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class AmplifierError extends Error {
  override readonly name = "AmplifierError";
  /**
   * Stable, for programs: that of a `BrowserLLMError` (`cancelled`, `out_of_memory`, `model_not_found`, ...), or one of this page's own:
   * `not_ready`, `busy`, `disposed`; `connect_failed` and `disconnected` if Python did not start, or is gone.
   */
  readonly code: string;
  /** Whether the same call may succeed when it is tried again, at once or after what `suggestion` says. */
  readonly recoverable: boolean;
  /** What to do about it, for people. */
  readonly suggestion: string;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, { suggestion = null, data = {}, cause }: Details = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.suggestion = suggestion ?? SUGGESTIONS[code] ?? OTHERWISE;
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
