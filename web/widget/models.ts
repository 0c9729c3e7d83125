/** Models of the state, by what a page calls them. */

import type { AppState, Loaded, Model } from "@browserllm/react/state";

/** The model in memory that answers, if there is one. */
export function loadedModel({ loaded, models }: AppState): Loaded | null {
  return loaded.findLast(({ model }) => models[model]?.type !== "embedding") ?? null;
}

export function modelName(state: AppState, id: string): string {
  return state.models[id]?.name ?? id;
}

/** The model that Python would find: by its id, in any letter case and with spaces for hyphens, or by the first words of one id. */
export function findModel({ models }: AppState, name: string): Model | null {
  const known = models[name];
  if (known) return known;
  const wanted = plain(name);
  const all = Object.values(models);
  const begin = all.filter(({ id }) => plain(id).startsWith(wanted));
  return all.find(({ id }) => plain(id) === wanted) ?? (begin.length === 1 ? (begin[0] ?? null) : null);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_]/g, "-");
}
