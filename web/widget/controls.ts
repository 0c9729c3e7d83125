/** What a person can do with the widget now: its own buttons are these, and a page can draw others. */

import type { AppState, Model } from "@browserllm/react/state";
import { formatBytes } from "../app/format.ts";
import { findModel, loadedModel } from "./models.ts";
import type { Service } from "./service.ts";
import { errorOf, stateOf, type Words } from "./status.ts";

export interface ButtonControl {
  readonly kind: "button";
  readonly id: "start" | "load" | "unload" | "cancel" | "retry" | "reload" | "dismiss";
  readonly label: string;
  readonly enabled: boolean;
  readonly run: () => void;
}

export interface ModelOption {
  readonly value: string;
  readonly label: string;
  readonly group: string;
}

/** Chooses the model that `load` loads; choosing by itself loads nothing. */
export interface ModelControl {
  readonly kind: "select";
  readonly id: "model";
  readonly label: string;
  readonly enabled: boolean;
  readonly value: string;
  readonly options: readonly ModelOption[];
  readonly run: (model: string) => void;
}

export type Control = ButtonControl | ModelControl;

/** What the controls do. */
export interface Hands {
  readonly start: () => void;
  readonly choose: (model: string) => void;
  readonly load: (model: string) => void;
  readonly unload: () => void;
  readonly cancel: () => void;
  readonly retry: () => void;
  readonly dismiss: () => void;
}

/** The controls that apply now, in the order in which they are shown. */
export function controlsOf(service: Service, chosen: string | null, hands: Hands, words: Words): Control[] {
  const { texts, language } = words;
  const { state } = service;
  const kind = stateOf(service);
  const loading = kind === "loading";
  const button = (id: ButtonControl["id"], label: string, run: () => void, enabled = true): ButtonControl => ({ kind: "button", id, label, enabled, run });
  const controls: Control[] = [];
  const model = chosenModel(service, chosen);
  const options = modelOptions(state, model, words);
  if (options.length > 0) controls.push({ kind: "select", id: "model", label: texts.model, enabled: !loading, value: model ?? "", options, run: hands.choose });
  if (kind === "error") {
    const ways = errorOf(service)?.actions ?? [];
    if (ways.includes("reload") && !ways.includes("retry")) controls.push(button("reload", texts.reload, () => { location.reload(); }));
    else controls.push(button("retry", texts.retry, hands.retry));
    if (service.error) controls.push(button("dismiss", texts.dismiss, hands.dismiss));
  }
  if (loading) {
    if (service.loading !== null || state.loading || service.starting) controls.push(button("cancel", texts.cancel, hands.cancel));
    return controls;
  }
  if (!service.started) return [...controls, button("start", texts.start, hands.start)];
  if (service.connection.getStatus().status !== "ready" || state.status !== "ready") return controls;
  const loaded = loadedModel(state);
  const known = model === null ? null : state.models[model];
  if (model !== null && model !== loaded?.model && kind !== "error") {
    const size = known && !known.downloaded && known.downloadBytes ? ` (${formatBytes(known.downloadBytes, language)})` : "";
    const label = known && !known.downloaded ? texts.download + size : loaded ? texts.switch : texts.load;
    controls.push(button("load", label, () => { hands.load(model); }, known?.fit !== "no"));
  }
  if (loaded) controls.push(button("unload", texts.unload, hands.unload));
  return controls;
}

/** The id of the model that is chosen: by the user, by the page, or because it is in memory. */
export function chosenModel({ state, loading, wanted }: Service, chosen: string | null): string | null {
  const name = loading ?? chosen;
  if (name !== null) return findModel(state, name)?.id ?? name;
  return loadedModel(state)?.model ?? wanted ?? Object.values(state.models).find(({ bundled }) => bundled)?.id ?? null;
}

/** The recommended models, those on the device, and the others that fit; the chosen one in any case. */
function modelOptions(state: AppState, chosen: string | null, { texts, language }: Words): ModelOption[] {
  const group = (model: Model): string => (model.tier ? texts.recommended : model.downloaded ? texts.onDevice : texts.others);
  const ranks = [texts.recommended, texts.onDevice, texts.others];
  const shown = Object.values(state.models).filter((model) => model.type === "chat" && (model.fit !== "no" || model.downloaded || model.id === chosen));
  const options = shown.map((model): ModelOption => {
    const size = model.downloaded || !model.downloadBytes ? "" : ` · ${formatBytes(model.downloadBytes, language)}`;
    return { value: model.id, label: model.name + size, group: group(model) };
  });
  if (chosen !== null && !state.models[chosen]) options.push({ value: chosen, label: chosen, group: texts.others });
  return options.sort((a, b) => ranks.indexOf(a.group) - ranks.indexOf(b.group));
}
