/** The widget's events: what has changed between two moments of a service. */

import type { ErrorInfo } from "@browserllm/react/state";
import { errorOf, progressOf, stateOf, type WidgetProgress } from "./status.ts";
import type { Service } from "./service.ts";

/** The events of `<local-llm-widget>`, by name; all of them bubble, and leave shadow roots. */
export interface WidgetEvents {
  /** A model begins to load. `null`: the app starts, and no model was asked for yet. */
  "local-llm:loading": CustomEvent<{ readonly model: string | null }>;
  "local-llm:progress": CustomEvent<WidgetProgress>;
  /** A model is in memory, and answers. */
  "local-llm:ready": CustomEvent<{ readonly model: string; readonly engine: string; readonly device: string }>;
  "local-llm:unloaded": CustomEvent<{ readonly model: string }>;
  "local-llm:error": CustomEvent<{ readonly error: ErrorInfo }>;
}

export type News = { readonly [N in keyof WidgetEvents]: { readonly name: N; readonly detail: WidgetEvents[N]["detail"] } }[keyof WidgetEvents];

interface Moment {
  readonly loading: string | null | undefined;
  readonly progress: string;
  readonly loaded: ReadonlySet<string>;
  readonly error: ErrorInfo | null;
  readonly errorText: string;
}

const NOTHING: Moment = { loading: undefined, progress: "", loaded: new Set(), error: null, errorText: "" };

/** Remembers what was told, so that each thing is told once. */
export class Newsroom {
  #before = NOTHING;

  /** What has happened since the last call. */
  read(service: Service): News[] {
    const before = this.#before;
    const progress = progressOf(service);
    const { loaded, models } = service.state;
    const chats = loaded.filter(({ model }) => models[model]?.type !== "embedding");
    const error = stateOf(service) === "loading" ? null : errorOf(service);
    const now: Moment = {
      // As it was asked for, which does not change when its id becomes known.
      loading: progress ? (service.loading ?? progress.model) : undefined,
      progress: progress ? JSON.stringify(progress) : "",
      loaded: new Set(chats.map(({ model }) => model)),
      error,
      errorText: error ? JSON.stringify(error) : "",
    };
    this.#before = now;
    const news: News[] = [];
    for (const model of before.loaded) if (!now.loaded.has(model)) news.push({ name: "local-llm:unloaded", detail: { model } });
    if (progress && now.loading !== before.loading) news.push({ name: "local-llm:loading", detail: { model: progress.model } });
    if (progress && now.progress !== before.progress) news.push({ name: "local-llm:progress", detail: progress });
    for (const { model, engine, device } of chats) if (!before.loaded.has(model)) news.push({ name: "local-llm:ready", detail: { model, engine, device } });
    if (error && now.errorText !== before.errorText) news.push({ name: "local-llm:error", detail: { error } });
    return news;
  }
}
