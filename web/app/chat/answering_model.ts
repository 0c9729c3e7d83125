import type { AppState, Model, RouteInfo } from "@browserllm/react";

/** Returns the model that would answer next, as far as it is known: the route says so, or what is loaded. */
export function answeringModel(state: AppState, route: RouteInfo | null): string | null {
  return route?.ranked[0]?.model ?? state.loaded.findLast((one) => state.models[one.model]?.type !== "embedding")?.model ?? state.loading?.model ?? null;
}

/** Returns the model of this device that the next message of a conversation (`null`: a new one) is for; `null` if a cloud answers, or it is not known. */
export function expectedModel(state: AppState, route: RouteInfo | null, conversation: string | null): Model | null {
  const first = route?.ranked[0];
  if (first?.where === "cloud") return null;
  const kept = conversation === null ? null : (state.conversations[conversation]?.settings.model ?? null);
  const id = first?.model ?? kept ?? state.settings.model ?? answeringModel(state, route);
  return id === null ? null : (state.models[id] ?? null);
}

/** Returns the model that comes with the app if it will answer: it was chosen, or no other is on the device and no cloud is set up. */
export function builtInAnswering(state: AppState, route: RouteInfo | null, conversation: string | null): Model | null {
  const expected = expectedModel(state, route, conversation);
  if (expected) return expected.bundled ? expected : null;
  if (route?.ranked[0] || Object.keys(state.clouds).length > 0) return null;
  const all = Object.values(state.models).filter((model) => model.type === "chat" && (model.bundled || model.downloaded));
  return all.length === 1 && all[0]?.bundled ? all[0] : null;
}
