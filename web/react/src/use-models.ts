/** The hooks about models: all of them, one of them, the storage they need, and the device they run on. */

import { useMemo } from "react";
import type { BrowserLLMError } from "./errors.ts";
import { errorOf } from "./failures.ts";
import { useSelector } from "./provider.tsx";
import { useSafeActions, worked, type SafeCall, type WithError } from "./safe-actions.ts";
import type { AppState, Device, Download, Engine, GPU, Loaded, Loading, Model, StorageInfo } from "./state.ts";

export interface LoadOptions {
  readonly engine?: string | undefined;
  readonly device?: string | undefined;
  /** Keep the models in memory that are there already. */
  readonly keepOthers?: boolean | undefined;
  /** Aborting it gives the load up. */
  readonly signal?: AbortSignal | undefined;
}

/** Functions resolve with whether it worked; if not, `error` says why. */
export interface ModelActions {
  /** Start a download, or resume one that failed; resolves when it has begun. */
  readonly download: (id: string) => Promise<boolean>;
  readonly pause: (id: string) => Promise<boolean>;
  readonly resume: (id: string) => Promise<boolean>;
  /** Cancel a download, and delete what has arrived if `deleteParts` is set. */
  readonly cancel: (id: string, options?: { readonly deleteParts?: boolean }) => Promise<boolean>;
  /** Load a model into memory, downloading it first if it must be; resolves when it is loaded. */
  readonly load: (id: string, options?: LoadOptions) => Promise<boolean>;
  /** Free a model's memory, or that of all models. */
  readonly unload: (id?: string) => Promise<boolean>;
  /** Delete a model's files, or with `"*"` those of all models; resolves with the bytes freed. */
  readonly delete: (id: string) => Promise<number | undefined>;
  /** Add a custom model from an address, or from a folder that the user picks; resolves with its id. */
  readonly add: (source?: string, id?: string) => Promise<string | undefined>;
  /** Look again at what is downloaded, loaded and stored. */
  readonly refresh: () => Promise<boolean>;
  /** How long a download would take on this connection, in seconds; `null` if it is not known. */
  readonly estimate: (id: string) => Promise<number | null>;
}

function modelActions(call: SafeCall): ModelActions {
  return {
    download: (model) => worked(call("models.download", { model })),
    pause: (model) => worked(call("models.pause", { model })),
    resume: (model) => worked(call("models.resume", { model })),
    cancel: (model, { deleteParts } = {}) => worked(call("models.cancel", { model, delete: deleteParts })),
    load: (model, { signal, ...where } = {}) => worked(call("models.load", { model, ...where }, { signal })),
    unload: (model) => worked(call("models.unload", { model })),
    delete: (model) => call("models.delete", { model }),
    add: (source, id) => call("models.add", { source, id }),
    refresh: () => worked(call("models.refresh", {})),
    estimate: async (model) => (await call("models.estimate", { model })) ?? null,
  };
}

export interface UseModels extends ModelActions, WithError {
  /** The catalog, with each model's fit and state on this device. */
  readonly models: readonly Model[];
  readonly downloaded: readonly Model[];
  readonly downloads: Readonly<Record<string, Download>>;
  readonly loading: Loading | null;
  readonly loaded: readonly Loaded[];
}

/** All models, and what can be done with them. */
export function useModels(): UseModels {
  const byId = useSelector(selectModels);
  const downloads = useSelector(selectDownloads);
  const loading = useSelector(selectLoading);
  const loaded = useSelector(selectLoaded);
  const [actions, error] = useSafeActions(modelActions);
  const models = useMemo(() => Object.values(byId), [byId]);
  const downloaded = useMemo(() => models.filter((model) => model.downloaded), [models]);
  return useMemo(
    () => ({ ...actions, models, downloaded, downloads, loading, loaded, error }),
    [actions, models, downloaded, downloads, loading, loaded, error],
  );
}

const selectModels = (state: AppState): AppState["models"] => state.models;
const selectDownloads = (state: AppState): AppState["downloads"] => state.downloads;
const selectLoading = (state: AppState): AppState["loading"] => state.loading;
const selectLoaded = (state: AppState): AppState["loaded"] => state.loaded;

/**
 * Where a model is on its way: `unknown` (not in the catalog), `available`, `downloading`, `paused`, `failed` (the
 * download), `downloaded`, `loading`, `loaded`.
 */
export type ModelStatus = "unknown" | "available" | "downloading" | "paused" | "failed" | "downloaded" | "loading" | "loaded";

/** The functions of `useModels`, for this model. */
export interface UseModel extends WithError {
  readonly model: Model | null;
  readonly status: ModelStatus;
  /** How far the download or the load is, 0..1; `null` if there is none, or it is not known. */
  readonly progress: number | null;
  readonly downloading: Download | null;
  readonly loading: Loading | null;
  readonly loaded: Loaded | null;
  readonly download: () => Promise<boolean>;
  readonly pause: () => Promise<boolean>;
  readonly resume: () => Promise<boolean>;
  readonly cancel: ModelActions["cancel"] extends (id: string, ...rest: infer R) => infer P ? (...rest: R) => P : never;
  readonly load: (options?: LoadOptions) => Promise<boolean>;
  readonly unload: () => Promise<boolean>;
  readonly delete: () => Promise<number | undefined>;
  readonly estimate: () => Promise<number | null>;
}

/** One model. It renders only when something about this model changed. */
export function useModel(id: string): UseModel {
  const model = useSelector((state) => state.models[id] ?? null);
  const downloading = useSelector((state) => state.downloads[id] ?? null);
  const loading = useSelector((state) => state.loads[id] ?? (state.loading?.model === id ? state.loading : null));
  const loaded = useSelector((state) => state.loaded.find((each) => each.model === id) ?? null);
  const [actions, failure] = useSafeActions(modelActions);
  const own = useMemo(
    () => ({
      download: () => actions.download(id),
      pause: () => actions.pause(id),
      resume: () => actions.resume(id),
      cancel: (options?: { readonly deleteParts?: boolean }) => actions.cancel(id, options),
      load: (options?: LoadOptions) => actions.load(id, options),
      unload: () => actions.unload(id),
      delete: () => actions.delete(id),
      estimate: () => actions.estimate(id),
      clearError: actions.clearError,
    }),
    [actions, id],
  );
  return useMemo(() => {
    const status = statusOf(model, downloading, loading, loaded);
    const error = failure ?? (downloading?.error ? errorOf(downloading.error) : undefined);
    return { ...own, model, status, progress: progressOf(downloading, loading), downloading, loading, loaded, error };
  }, [own, model, downloading, loading, loaded, failure]);
}

/** Where a model is on its way. */
export function statusOf(model: Model | null, download: Download | null, loading: Loading | null, loaded: Loaded | null): ModelStatus {
  if (loaded) return "loaded";
  if (download?.state === "paused" || download?.state === "failed") return download.state;
  if (download) return "downloading";
  if (loading) return "loading";
  if (!model) return "unknown";
  return model.downloaded ? "downloaded" : "available";
}

export function progressOf(download: Download | null, loading: Loading | null): number | null {
  if (download?.totalBytes) return Math.min(1, download.receivedBytes / download.totalBytes);
  return loading?.fraction ?? null;
}

export interface UseStorage extends StorageInfo, WithError {
  /** How full the browser's storage is, 0..1. */
  readonly fraction: number | null;
  /** Ask the browser to keep the storage; resolves with its answer. */
  readonly persist: () => Promise<boolean>;
  /** Delete files that belong to no model; resolves with the bytes freed. */
  readonly clean: () => Promise<number | undefined>;
  /** Delete a model's files, or with `"*"` those of all models; resolves with the bytes freed. */
  readonly deleteModel: (id: string) => Promise<number | undefined>;
  readonly refresh: () => Promise<boolean>;
}

function storageActions(call: SafeCall): Pick<UseStorage, "persist" | "clean" | "deleteModel" | "refresh"> {
  return {
    persist: async () => (await call("storage.persist", {})) ?? false,
    clean: () => call("storage.clean", {}),
    deleteModel: (model) => call("models.delete", { model }),
    refresh: () => worked(call("models.refresh", {})),
  };
}

/** The browser's storage: what is in it, and what could go. */
export function useStorage(): UseStorage {
  const storage = useSelector((state) => state.storage);
  const [actions, error] = useSafeActions(storageActions);
  return useMemo(() => {
    const { usedBytes, quotaBytes } = storage;
    const fraction = usedBytes !== null && quotaBytes ? usedBytes / quotaBytes : null;
    return { ...storage, ...actions, fraction, error };
  }, [storage, actions, error]);
}

export interface UseDevice extends WithError {
  /** What the device can do; `null` until it is known. */
  readonly device: Device | null;
  readonly gpu: GPU | null;
  readonly engines: readonly Engine[];
  readonly online: boolean;
  /** Why there is no WebGPU, and what to do about it. */
  readonly problem: BrowserLLMError | null;
  readonly refresh: () => Promise<boolean>;
}

function deviceActions(call: SafeCall): Pick<UseDevice, "refresh"> {
  return { refresh: () => worked(call("device.refresh", {})) };
}

/** The device that models run on. */
export function useDevice(): UseDevice {
  const device = useSelector((state) => state.device);
  const engines = useSelector((state) => state.engines);
  const [actions, error] = useSafeActions(deviceActions);
  return useMemo(() => {
    const problem = device?.problem ? errorOf(device.problem) : null;
    return { ...actions, device, gpu: device?.gpu ?? null, engines, online: device?.online ?? true, problem, error };
  }, [actions, device, engines, error]);
}
