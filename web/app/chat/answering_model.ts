import type { AppState, RouteInfo } from "@browserllm/react";

/** Returns the model that would answer next, as far as it is known: the route says so, or what is loaded. */
export function answeringModel(state: AppState, route: RouteInfo | null): string | null {
  return route?.ranked[0]?.model ?? state.loaded.findLast((one) => state.models[one.model]?.type !== "embedding")?.model ?? state.loading?.model ?? null;
}
