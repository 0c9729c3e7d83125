/** Loads the first model of a chain that this device can load. */

import { isCancelled } from "@browserllm/react/failures";
import { progressOf } from "../widget/status.ts";
import type { Service } from "../widget/service.ts";
import { tell } from "./callbacks.ts";

/** How far a load is; `fraction` is 0..1, or `null` if it is not known. */
export type OnLoading = (model: string, text: string, fraction: number | null) => void;

const CLOUD = "cloud:";

/** The model of a chain that is to answer: its id, or `null` for a cloud; `passed` are those before it that could not be loaded. */
export interface First {
  readonly model: string | null;
  readonly passed: number;
}

/** Load one of these models; those that fail are passed over. */
export async function loadFirst(service: Service, models: readonly string[], onLoading: OnLoading, signal?: AbortSignal): Promise<First> {
  const failures: unknown[] = [];
  for (const model of models) {
    if (model.startsWith(CLOUD)) return { model: null, passed: failures.length };
    const stop = service.subscribe(() => {
      const progress = service.loading === model ? progressOf(service) : null;
      if (progress) tell((text: string) => { onLoading(model, text, progress.fraction); }, progress.phase);
    });
    try {
      await service.load(model, signal);
      return { model, passed: failures.length };
    } catch (error) {
      if (isCancelled(error) || signal?.aborted) throw error;
      failures.push(error);
    } finally {
      stop();
    }
  }
  throw failures[0];
}

/** The cloud of the app's settings, their model if it is on the device, or else the one that comes with the site. */
export function defaultModel({ state }: Service): string {
  const { settings, models } = state;
  if (settings.model?.startsWith(CLOUD)) return settings.model;
  const known = settings.model === null ? undefined : models[settings.model];
  return known?.downloaded ? known.id : (Object.values(models).find(({ bundled }) => bundled)?.id ?? "pocket");
}
