/** Loads the first model of a chain that this device can load. */

import { isCancelled } from "@browserllm/react/failures";
import { progressOf } from "../widget/status.ts";
import type { Service } from "../widget/service.ts";

/** How far a load is; `fraction` is 0..1, or `null` if it is not known. */
export type OnLoading = (model: string, text: string, fraction: number | null) => void;

const CLOUD = "cloud:";

/** Load one of these models; those that fail are passed over. Returns its id, or `null` if a cloud is to answer. */
export async function loadFirst(service: Service, models: readonly string[], onLoading: OnLoading, signal?: AbortSignal): Promise<string | null> {
  const failures: unknown[] = [];
  for (const model of models) {
    if (model.startsWith(CLOUD)) return null;
    const stop = service.subscribe(() => {
      const progress = service.loading === model ? progressOf(service) : null;
      if (progress) onLoading(model, progress.phase, progress.fraction);
    });
    try {
      await service.load(model, signal);
      return model;
    } catch (error) {
      if (isCancelled(error) || signal?.aborted) throw error;
      failures.push(error);
    } finally {
      stop();
    }
  }
  throw failures[0];
}

/** The model of the app's settings if it is on the device, else the one that comes with the site. */
export function defaultModel({ state }: Service): string {
  const { settings, models } = state;
  const known = settings.model === null ? undefined : models[settings.model];
  return known?.downloaded ? known.id : (Object.values(models).find(({ bundled }) => bundled)?.id ?? "pocket");
}
