/** Which models the list shows, and in which order. */

import type { Model } from "@browserllm/react";

export const SORTS = ["recommended", "name", "download", "parameters", "used"] as const;
export type Sort = (typeof SORTS)[number];

/** The sizes that the list can be limited to. */
export const SIZES: readonly number[] = [0.5e9, 1e9, 2e9, 5e9];

export interface Filters {
  readonly text: string;
  readonly fitting: boolean;
  readonly downloaded: boolean;
  readonly vision: boolean;
  readonly tools: boolean;
  readonly thinking: boolean;
  /** `""` is any, here and below. */
  readonly purpose: string;
  readonly license: string;
  readonly maxBytes: number | null;
  readonly sort: Sort;
}

export const NO_FILTERS: Filters = {
  text: "",
  fitting: false,
  downloaded: false,
  vision: false,
  tools: false,
  thinking: false,
  purpose: "",
  license: "",
  maxBytes: null,
  sort: "recommended",
};

/** How many filters leave models out, without the search. */
export function countFilters(filters: Filters): number {
  const { fitting, downloaded, vision, tools, thinking, purpose, license, maxBytes } = filters;
  return [fitting, downloaded, vision, tools, thinking, purpose !== "", license !== "", maxBytes !== null].filter(Boolean).length;
}

/** The models that pass, in order. */
export function listed(models: readonly Model[], filters: Filters): Model[] {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => passes(model, filters, words)).sort(ORDERS[filters.sort]);
}

/** The licences of the models, the most common one first. */
export function licensesOf(models: readonly Model[]): string[] {
  const counts = new Map<string, number>();
  for (const { license } of models) if (license !== null) counts.set(license, (counts.get(license) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([license]) => license);
}

function passes(model: Model, filters: Filters, words: readonly string[]): boolean {
  const size = model.downloaded ? model.storedBytes : model.downloadBytes;
  return (
    words.every((word) => `${model.name} ${model.id} ${model.family} ${model.license ?? ""}`.toLowerCase().includes(word)) &&
    (!filters.fitting || model.fit !== "no") &&
    (!filters.downloaded || model.downloaded) &&
    (!filters.vision || model.vision) &&
    (!filters.tools || model.tools) &&
    (!filters.thinking || model.thinking) &&
    (filters.purpose === "" || model.purposes.includes(filters.purpose)) &&
    (filters.license === "" || model.license === filters.license) &&
    (filters.maxBytes === null || (size ?? 0) <= filters.maxBytes)
  );
}

const TIERS = ["quick", "smart", "genius"] as const;
const FITS = ["good", "tight", "no"] as const;

type Order = (a: Model, b: Model) => number;

const byName: Order = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });

/** What is here, then what is recommended, then what fits, the larger one first: it gives better answers. Of what does not fit, the smaller one comes nearest. */
const byUse: Order = (a, b) =>
  Number(b.downloaded) - Number(a.downloaded) ||
  tierRank(a) - tierRank(b) ||
  FITS.indexOf(a.fit) - FITS.indexOf(b.fit) ||
  ((b.parameters ?? 0) - (a.parameters ?? 0)) * (a.fit === "no" ? -1 : 1) ||
  byName(a, b);

function tierRank({ tier }: Model): number {
  return tier === null ? TIERS.length : TIERS.indexOf(tier);
}

const ORDERS: Readonly<Record<Sort, Order>> = {
  recommended: byUse,
  name: byName,
  download: (a, b) => (a.downloadBytes ?? 0) - (b.downloadBytes ?? 0) || byName(a, b),
  parameters: (a, b) => (b.parameters ?? 0) - (a.parameters ?? 0) || byName(a, b),
  used: (a, b) => (b.lastUsedAt ?? 0) - (a.lastUsedAt ?? 0) || byUse(a, b),
};
