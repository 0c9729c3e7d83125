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

/**
 * What to compare first: the last comparison, as far as it still can run, else the two models of this device that run well and
 * were used last, else one model on two engines, else that model and the one that is recommended for this device.
 */
export function firstSides(state: AppState): Side[] {
  const models = comparable(state.models);
  const before = state.compare.runs
    .filter(({ model }) => models.some(({ id }) => id === model))
    .map(({ model, engine, device }) => ({ model, where: engine !== null && device !== null ? whereOf({ engine, device }) : "" }));
  if (before.length > 0) return before;
  const here = models
    .filter((model) => model.downloaded)
    .sort((a, b) => Number(a.bundled) - Number(b.bundled) || Number(b.fit === "good") - Number(a.fit === "good") || (b.lastUsedAt ?? 0) - (a.lastUsedAt ?? 0));
  const [first = recommended(models, []), second] = here;
  if (!first) return [];
  if (!second) {
    const [place, ...others] = placesOf(first);
    const other = others.find(({ engine }) => engine !== place?.engine) ?? others[0];
    if (place && other) return [place, other].map((build) => ({ model: first.id, where: whereOf(build) }));
  }
  // What must be downloaded is said beside the button, with its size.
  return [first, second ?? recommended(models, [first.id])].flatMap((model) => (model ? [{ model: model.id, where: "" }] : []));
}

/** The side that is added to others: the model that is recommended next, or once all are there, the last one again. */
export function nextSide(sides: readonly Side[], models: AppState["models"]): Side {
  const known = comparable(models);
  const next = recommended(known, sides.map(({ model }) => model));
  return next ? { model: next.id, where: "" } : (sides.at(-1) ?? { model: "", where: "" });
}

const TIERS = ["quick", "smart", "genius"] as const;

/** The model to take beside others: one of this device, else a recommended one, the quickest first, else the smallest that runs well. */
function recommended(models: readonly Model[], others: readonly string[]): Model | undefined {
  const rank = ({ downloaded, tier, fit }: Model): number => (downloaded ? 0 : tier !== null ? 1 + TIERS.indexOf(tier) : fit === "good" ? 4 : 5);
  return models.filter(({ id }) => !others.includes(id)).sort((a, b) => rank(a) - rank(b) || (a.downloadBytes ?? Infinity) - (b.downloadBytes ?? Infinity))[0];
}

/** The models that must be downloaded before these sides can run. */
export function missing(sides: readonly Side[], models: AppState["models"]): Model[] {
  const ids = [...new Set(sides.map((side) => side.model))];
  return ids.flatMap((id) => models[id] ?? []).filter((model) => !model.downloaded && !model.bundled);
}
