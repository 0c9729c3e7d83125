/** What the tests of the views share: a made-up device, and a page that sees everything at once. */

import axe from "axe-core";
import { vi } from "vitest";
import type { AppState } from "../../../web/react/src/index.ts";
import { demoModels } from "../../../web/app/demo_models.ts";
import { completeDom, sampleState } from "./helpers.tsx";

export const NOW = 1_700_000_000_000;

/** As `completeDom`; elements are on the screen as soon as they are watched. */
export function completePage(): void {
  completeDom();
  vi.stubGlobal("IntersectionObserver", SeesAll);
}

class SeesAll {
  readonly #callback: IntersectionObserverCallback;

  constructor(callback: IntersectionObserverCallback) {
    this.#callback = callback;
  }

  observe(target: Element): void {
    queueMicrotask(() => { this.#callback([{ isIntersecting: true, target } as unknown as IntersectionObserverEntry], this as unknown as IntersectionObserver); });
  }

  disconnect(): void {
    // It calls back only once.
  }
}

/** A device with the models of the demo; `Qwen3 1.7B` is in memory. */
export function deviceState(more: Partial<AppState> = {}): AppState {
  const models = demoModels(NOW);
  const stored = Object.values(models).filter((model) => model.storedBytes > 0);
  return {
    ...sampleState(),
    models,
    loaded: [{ model: "qwen3-1.7b", engine: "webllm", device: "webgpu", adapter: null, contextWindow: 4096, hops: [], expiresAt: null }],
    storage: {
      usedBytes: 2.1e9,
      quotaBytes: 12e9,
      modelsBytes: 1.85e9,
      reclaimableBytes: 0.2e9,
      persisted: false,
      models: stored.map((model) => ({ model: model.id, key: model.id, sizeBytes: model.storedBytes, complete: true, lastUsedAt: model.lastUsedAt })),
    },
    ...more,
  };
}

/** What axe finds wrong, as `rule: element`. Colours are not computed here: the tests in a browser look at them. */
export async function violations(element: Element): Promise<string[]> {
  const { violations: found } = await axe.run(element, { rules: { "color-contrast": { enabled: false }, region: { enabled: false }, "page-has-heading-one": { enabled: false } } });
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`));
}
