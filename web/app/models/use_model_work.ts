import { type Download, type Loaded, type Loading, useCall, useSelector } from "@browserllm/react";
import { type Background, useBackground } from "../background.ts";

export interface ModelWork {
  readonly download: Download | null;
  readonly loading: Loading | null;
  readonly loaded: Loaded | null;
  /** The load that this page has begun: only that can be stopped here. */
  readonly work: Background;
  readonly load: (engine?: string, device?: string) => void;
}

/** What goes on with a model, and the way to load it; loading goes on when the view is left. */
export function useModelWork(id: string): ModelWork {
  const call = useCall();
  const download = useSelector((state) => state.downloads[id] ?? null);
  const loading = useSelector((state) => state.loads[id] ?? (state.loading?.model === id ? state.loading : null));
  const loaded = useSelector((state) => state.loaded.find((one) => one.model === id) ?? null);
  const work = useBackground(`load ${id}`);
  const load = (engine: string | null = null, device: string | null = null): void => {
    void work.start((signal) => call("models.load", { model: id, engine, device }, { signal }));
  };
  return { download, loading, loaded, work, load };
}
