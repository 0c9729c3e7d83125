/** Models of the state, by what a page calls them. */

import { BrowserLLMError } from "@browserllm/react/errors";
import type { AppState, ErrorInfo, Loaded, Model } from "@browserllm/react/state";
import { TEXTS, type WidgetTexts } from "./texts.ts";

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

const MOST_NAMED = 8;

/** The error for a name that no model has, or several: it names those that this device can run, the recommended ones first. */
export function unknownModel(name: string, { models }: AppState): BrowserLLMError {
  const rank = ({ tier, downloaded }: Model): number => (downloaded ? 0 : tier ? 1 : 2);
  const known = Object.values(models)
    .filter(({ type, fit }) => type === "chat" && fit !== "no")
    .sort((a, b) => rank(a) - rank(b) || (a.downloadBytes ?? 0) - (b.downloadBytes ?? 0))
    .map(({ id }) => id);
  const data = { model: name, known: known.slice(0, MOST_NAMED).join(", ") };
  return new BrowserLLMError({ code: "model_not_found", ...unknownWords(data, TEXTS), actions: [], data });
}

/** What that error says, in a language. */
export function unknownWords({ model, known }: ErrorInfo["data"], texts: WidgetTexts): Pick<ErrorInfo, "title" | "message" | "remedy"> {
  return { title: texts.unknownTitle, message: texts.unknownText.replace("{name}", () => String(model)), remedy: texts.unknownRemedy.replace("{models}", () => String(known)) };
}
