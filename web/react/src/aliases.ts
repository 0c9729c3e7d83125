/** Hooks under the names that users of other libraries know. Each is made of those of this package. */

import { useMemo } from "react";
import { useChat, type UseChat, type UseChatOptions } from "./chat/use-chat.ts";
import { useSelector } from "./provider.tsx";
import type { Loaded, Model } from "./state.ts";
import { useModel, useModels, useStorage, type LoadOptions, type ModelStatus, type UseModel, type UseModels, type UseStorage } from "./use-models.ts";

export interface UseWebLLMOptions extends UseChatOptions {
  /** The model to work with; by default the one in use, or that of the settings. */
  readonly model?: string | undefined;
}

export interface UseWebLLM extends UseChat {
  /** The id of the model that the functions below are about. */
  readonly modelId: string;
  readonly model: Model | null;
  readonly modelStatus: ModelStatus;
  readonly isModelLoaded: boolean;
  readonly isModelLoading: boolean;
  /** How far the download or the load is, 0..1. */
  readonly progress: number | null;
  /** What is going on, in words. */
  readonly progressText: string;
  readonly modelError: UseModel["error"];
  readonly loaded: readonly Loaded[];
  readonly download: () => Promise<boolean>;
  readonly load: (options?: LoadOptions) => Promise<boolean>;
  readonly unload: () => Promise<boolean>;
  readonly storage: UseStorage;
}

/** A chat, the model behind it and its storage in one: `useChat`, `useModel` and `useStorage`. */
export function useWebLLM(options: UseWebLLMOptions = {}): UseWebLLM {
  const inUse = useSelector((state) => state.loaded.findLast((one) => state.models[one.model]?.type !== "embedding")?.model ?? state.settings.model ?? Object.keys(state.models)[0] ?? "");
  const modelId = options.model ?? inUse;
  const settings = useMemo(
    () => (options.model === undefined ? options.settings : { ...options.settings, model: options.model }),
    [options.model, options.settings],
  );
  const chat = useChat({ ...options, settings });
  const model = useModel(modelId);
  const storage = useStorage();
  const loaded = useSelector((state) => state.loaded);
  return useMemo(
    () => ({
      ...chat,
      modelId,
      model: model.model,
      modelStatus: model.status,
      isModelLoaded: model.status === "loaded",
      isModelLoading: model.status === "loading" || model.status === "downloading",
      progress: model.progress,
      progressText: model.loading?.text ?? "",
      modelError: model.error,
      loaded,
      download: model.download,
      load: model.load,
      unload: model.unload,
      storage,
    }),
    [chat, modelId, model, storage, loaded],
  );
}

export interface UseModelManager extends UseModels {
  readonly storage: UseStorage;
  /** Whether a model's download can begin: it fits this device and the free storage, and the browser is online. */
  readonly canDownload: (id: string) => boolean;
  /** Why it cannot, as a sentence; `null` if it can. */
  readonly whyNot: (id: string) => string | null;
}

/** Models, their downloads and the storage in one: `useModels` and `useStorage`. */
export function useModelManager(): UseModelManager {
  const models = useModels();
  const storage = useStorage();
  const online = useSelector((state) => state.device?.online ?? true);
  return useMemo(() => {
    const whyNot = (id: string): string | null => reasonAgainst(models.models.find((model) => model.id === id), storage, online);
    return { ...models, storage, whyNot, canDownload: (id: string) => whyNot(id) === null };
  }, [models, storage, online]);
}

function reasonAgainst(model: Model | undefined, { quotaBytes, usedBytes }: UseStorage, online: boolean): string | null {
  if (!model) return "There is no such model.";
  if (model.downloaded) return "It is downloaded already.";
  if (model.fit === "no") return model.reasons[0] ?? "This device cannot run it.";
  if (!online) return "The browser is offline.";
  const free = quotaBytes === null ? Infinity : quotaBytes - (usedBytes ?? 0);
  const needed = model.downloadBytes ?? 0;
  return needed > free ? `It needs ${gb(needed)} GB, and ${gb(free)} GB are free.` : null;
}

function gb(bytes: number): string {
  return (Math.max(0, bytes) / 1e9).toFixed(1);
}

