/** Models of a scripted app: downloads, loads and storage, on its clock. */

import { cancelled } from "../errors.ts";
import type { Download, Model } from "../state.ts";
import { scriptedError, type ScriptedApp, type ScriptedHandlers } from "./app.ts";
import { make } from "./make.ts";
import { without } from "./records.ts";

const STEPS = 4;

export function modelHandlers(app: ScriptedApp): ScriptedHandlers {
  const { models } = app;
  return {
    "models.download": ({ model }) => models.startDownload(model),
    "models.pause": ({ model }) => models.pause(model),
    "models.resume": ({ model }) => models.startDownload(model),
    "models.cancel": ({ model }) => models.cancel(model),
    "models.load": ({ model, engine }, { signal }) => models.load(model, engine ?? "webllm", signal),
    "models.unload": ({ model }) => {
      app.change((state) => ({ ...state, loaded: state.loaded.filter((each) => model != null && each.model !== model) }));
      return null;
    },
    "models.delete": ({ model }) => models.delete(model),
    "models.add": ({ source, id }) => {
      const name = id ?? source?.split("/").at(-1) ?? "folder";
      models.change(name, make("Model", { id: name, name, custom: true }));
      return name;
    },
    "models.refresh": () => null,
    "models.estimate": ({ model }) => (models.get(model).downloadBytes ?? 0) / 10e6,
    "storage.persist": () => {
      app.change((state) => ({ ...state, storage: { ...state.storage, persisted: true } }));
      return true;
    },
    "storage.clean": () => {
      const freed = app.state.storage.reclaimableBytes;
      app.change((state) => ({ ...state, storage: { ...state.storage, reclaimableBytes: 0 } }));
      return freed;
    },
  };
}

export class ScriptedModels {
  readonly #app: ScriptedApp;
  readonly #downloads = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();

  constructor(app: ScriptedApp) {
    this.#app = app;
  }

  get(id: string): Model {
    const model = this.#app.state.models[id];
    if (!model) throw scriptedError({ code: "model_not_found", title: "There is no such model", message: `there is no model '${id}'` });
    return model;
  }

  change(id: string, change: Partial<Model>): void {
    this.#app.change((state) => ({ ...state, models: { ...state.models, [id]: { ...state.models[id], ...change } as Model } }));
  }

  startDownload(id: string): null {
    if (this.get(id).downloaded || this.#downloads.has(id)) return null;
    const abort = new AbortController();
    const done = this.#download(this.get(id), abort.signal).finally(() => this.#downloads.delete(id));
    done.catch(() => undefined);
    this.#downloads.set(id, { abort, done });
    return null;
  }

  pause(id: string): null {
    this.#downloads.get(id)?.abort.abort();
    const download = this.#app.state.downloads[id];
    if (download) this.#show({ ...download, state: "paused", bytesPerS: null, leftS: null });
    return null;
  }

  cancel(id: string): null {
    this.#downloads.get(id)?.abort.abort();
    this.#app.change((state) => ({ ...state, downloads: without(state.downloads, id) }));
    return null;
  }

  async load(id: string, engine: string, signal: AbortSignal): Promise<null> {
    const app = this.#app;
    const show = (phase: string, fraction: number): void => {
      app.change((state) => ({ ...state, loading: make("Loading", { model: id, phase, fraction, text: `${this.get(id).name}: ${phase}` }) }));
    };
    try {
      if (!this.get(id).downloaded) {
        show("downloading", 0);
        this.startDownload(id);
        const abort = (): void => { this.cancel(id); };
        signal.addEventListener("abort", abort, { once: true });
        await this.#downloads.get(id)?.done;
        signal.removeEventListener("abort", abort);
      }
      for (let step = 0; step < STEPS; step += 1) {
        show("loading", step / STEPS);
        await app.clock.sleep(app.pace.loadMs / STEPS, signal);
      }
      const loaded = make("Loaded", { model: id, engine, device: "webgpu", contextWindow: this.get(id).contextWindow });
      app.change((state) => ({ ...state, loaded: [loaded] }));
      return null;
    } finally {
      app.change((state) => ({ ...state, loading: null }));
    }
  }

  delete(id: string): number {
    const gone = Object.values(this.#app.state.models).filter((model) => model.downloaded && !model.bundled && (id === "*" || model.id === id));
    for (const model of gone) this.change(model.id, { downloaded: false, storedBytes: 0 });
    const freed = gone.reduce((sum, model) => sum + model.storedBytes, 0);
    this.#stored(-freed);
    this.#app.change((state) => ({ ...state, loaded: state.loaded.filter(({ model }) => !gone.some((each) => each.id === model)) }));
    return freed;
  }

  async #download(model: Model, signal: AbortSignal): Promise<void> {
    const app = this.#app;
    const total = model.downloadBytes ?? 0;
    const received = app.state.downloads[model.id]?.receivedBytes ?? 0;
    const steps = Math.round(((total - received) / (total || 1)) * STEPS);
    for (let left = steps; left > 0; left -= 1) {
      const bytesPerS = total / (app.pace.downloadMs / 1000);
      const receivedBytes = total * (1 - left / STEPS);
      this.#show(make("Download", { model: model.id, state: "running", receivedBytes, totalBytes: total, bytesPerS, leftS: (total - receivedBytes) / bytesPerS }));
      await app.clock.sleep(app.pace.downloadMs / STEPS, signal);
    }
    if (signal.aborted) throw cancelled();
    app.change((state) => ({ ...state, downloads: without(state.downloads, model.id) }));
    this.change(model.id, { downloaded: true, storedBytes: total });
    this.#stored(total);
  }

  #show(download: Download): void {
    this.#app.change((state) => ({ ...state, downloads: { ...state.downloads, [download.model]: download } }));
  }

  #stored(bytes: number): void {
    this.#app.change((state) => {
      const storage = state.storage;
      const models = Object.values(state.models)
        .filter(({ downloaded, bundled }) => downloaded && !bundled)
        .map(({ id, storedBytes }) => make("StoredModelInfo", { model: id, key: id, sizeBytes: storedBytes, complete: true }));
      return { ...state, storage: { ...storage, models, usedBytes: (storage.usedBytes ?? 0) + bytes, modelsBytes: storage.modelsBytes + bytes } };
    });
  }
}
