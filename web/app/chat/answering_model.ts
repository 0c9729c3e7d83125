import type { AppState } from "@browserllm/react";

/** Returns the model that would answer next in a conversation, as far as it is known: the route says so, or what is loaded. */
export function answeringModel(state: AppState, conversation: string | null): string | null {
  const first = conversation === null ? undefined : state.threads[conversation]?.route?.ranked[0];
  return first?.model ?? state.loaded.findLast((one) => state.models[one.model]?.type !== "embedding")?.model ?? state.loading?.model ?? null;
}
