/** Errors of actions, as the state has them. */

import { BrowserLLMError, type ErrorInfo } from "@browserllm/react";

/** Returns any failure of a call as people see it; `null` if the person stopped it. */
export function infoOf(error: unknown, title: string): ErrorInfo | null {
  if (error instanceof BrowserLLMError) return error.code === "cancelled" ? null : error.toInfo();
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", title, message, remedy: null, actions: [], data: {} };
}
