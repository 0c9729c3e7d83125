/** The sides of a comparison: which model, and on which engine and device. */

import type { AppState, Build, Model } from "@browserllm/react";

export interface Side {
  readonly model: string;
  /** `ENGINE DEVICE`, or `""` for the best one. */
  readonly where: string;
}

export const MIN_SIDES = 1;

/** The chat models that can run here, those on the device first. */
export function comparable(models: AppState["models"]): Model[] {
  return Object.values(models)
    .filter((model) => model.type === "chat" && model.fit !== "no")
    .sort((a, b) => Number(b.downloaded) - Number(a.downloaded) || a.name.localeCompare(b.name, undefined, { numeric: true }));
}

/** The engines and devices that a model can run on, each once. */
export function placesOf(model: Model | undefined): Build[] {
  const builds = (model?.builds ?? []).filter((build) => build.fits);
  return builds.filter((build, index) => builds.findIndex((other) => whereOf(other) === whereOf(build)) === index);
}

export function whereOf({ engine, device }: { readonly engine: string; readonly device: string }): string {
  return `${engine} ${device}`;
}

/** What to compare first: the last comparison, else the two models of this device that were used last, else one model on two engines. */
export function firstSides(state: AppState): Side[] {
  if (state.compare.runs.length > 0) {
    return state.compare.runs.map(({ model, engine, device }) => ({ model, where: engine !== null && device !== null ? whereOf({ engine, device }) : "" }));
  }
  const models = comparable(state.models);
  const here = models.filter((model) => model.downloaded).sort((a, b) => Number(a.bundled) - Number(b.bundled) || (b.lastUsedAt ?? 0) - (a.lastUsedAt ?? 0));
  const [first, second] = here;
  if (!first) return models.slice(0, 1).map(({ id }) => ({ model: id, where: "" }));
  if (second) return [first, second].map(({ id }) => ({ model: id, where: "" }));
  const places = placesOf(first);
  if (places.length > 1) return places.slice(0, 2).map((build) => ({ model: first.id, where: whereOf(build) }));
  // Nothing is downloaded unless it was chosen.
  return [{ model: first.id, where: "" }];
}

/** The models that must be downloaded before these sides can run. */
export function missing(sides: readonly Side[], models: AppState["models"]): Model[] {
  const ids = [...new Set(sides.map((side) => side.model))];
  return ids.flatMap((id) => models[id] ?? []).filter((model) => !model.downloaded && !model.bundled);
}
