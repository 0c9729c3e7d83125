/** Downloads by the browser, for views; and what the app does when one has ended. */

import { type Download, useCall, useSelector } from "@browserllm/react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { type BackgroundFetch, backgroundFetches } from "./background_fetches.ts";

/** Returns a model's fetch by the browser, and whether there could be one. */
export function useBackgroundFetch(model: string): { readonly available: boolean; readonly fetch: BackgroundFetch | null } {
  const { available, models } = useSyncExternalStore(backgroundFetches.subscribe, backgroundFetches.getStatus);
  return { available, fetch: models[model] ?? null };
}

/**
 * Completes the downloads whose files the browser has fetched: the app finds them all there, and records the model. A download
 * that goes on in the app ends the browser's, so that nothing is fetched twice.
 */
export function useArrivals(): void {
  const call = useCall();
  const downloads = useSelector((state) => state.downloads);
  const { models } = useSyncExternalStore(backgroundFetches.subscribe, backgroundFetches.getStatus);
  const before = useRef<Readonly<Record<string, Download>>>({});
  useEffect(() => {
    const last = before.current;
    before.current = downloads;
    for (const [model, fetch] of Object.entries(models)) {
      const state = downloads[model]?.state;
      const stopped = state === "paused" || state === "failed";
      if (fetch.phase === "complete" && stopped) {
        void backgroundFetches.forget(model).then(() => call("models.resume", { model })).catch((error: unknown) => { console.warn(error); });
      } else if (!stopped && (last[model]?.state === "paused" || last[model]?.state === "failed")) {
        void backgroundFetches.stop(model);
      }
    }
  }, [call, downloads, models]);
}

