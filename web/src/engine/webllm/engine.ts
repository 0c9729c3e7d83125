/** The WebLLM engine: runs in this worker, one MLCEngine for each loaded model. */

import { MLCEngine, ModelType, type ModelRecord } from "@mlc-ai/web-llm";
import { stopWatching, watchDevices } from "../../patches/web-llm/devices.ts";
import { loadError } from "../../patches/web-llm/errors.ts";
import { abortReload } from "../../patches/web-llm/internals.ts";
import { openLibrary } from "../../patches/web-llm/library.ts";
import { COMPILING, readProgress } from "../../patches/web-llm/progress.ts";
import { fetchSpecialTokens } from "../../patches/web-llm/special-tokens.ts";
import { cancelled, invalid, type PageError } from "../errors.ts";
import { Fields } from "../fields.ts";
import type { Engine, LoadContext, LoadedModel } from "../engine.ts";
import { gpuError } from "../gpu.ts";
import type { LoadRequest } from "../protocol.ts";
import { findMissingFile } from "./files.ts";
import { WebLlmModel } from "./model.ts";

export class WebLlmEngine implements Engine {
  async load(request: LoadRequest, { base, signal, report }: LoadContext): Promise<LoadedModel> {
    const record = findRecord(request, base);
    report({ phase: "loading", fraction: null, text: "Reading the model's description" });
    const library = await openLibrary(record.model_lib, request.model, signal).catch((error: unknown) => {
      throw signal.aborted ? cancelled(`loading "${request.model}"`) : error;
    });
    const engine = new MLCEngine({
      appConfig: { model_list: [{ ...record, model_lib: library.url }] },
      logLevel: "WARN",
      initProgressCallback: (progress) => {
        // Between two files, or two GPU programs, this is the only place to stop.
        signal.throwIfAborted();
        const read = readProgress(progress);
        report(read);
        if (read.phase === "loading" && read.fraction === 1) report(COMPILING);
      },
    });
    const watch = watchDevices();
    let leave = (): void => undefined;
    const left = new Promise<never>((_, reject) => { leave = () => { reject(cancelled(`loading "${request.model}"`)); }; });
    left.catch(() => undefined);
    const abort = (): void => {
      abortReload(engine);
      watch.destroy();
      // Once its device is there, and gone, the library can allocate nothing more, even if it still waits for a file.
      void watch.taken.then(leave);
    };
    signal.addEventListener("abort", abort, { once: true });
    const loading = engine.reload(request.model);
    try {
      if (signal.aborted) abort();
      await Promise.race([watch.guard(loading, (fault) => gpuError(fault, request.model)), left]);
      if (signal.aborted) throw cancelled(`loading "${request.model}"`);
      if (watch.fault !== null) throw gpuError(watch.fault, request.model);
      const special = record.model_type === ModelType.embedding ? await fetchSpecialTokens(folderOf(record), signal) : null;
      return new WebLlmModel(engine, request.model, watch, special);
    } catch (error) {
      watch.destroy();
      await engine.unload().catch(() => undefined); // its load has failed already
      if (signal.aborted) throw cancelled(`loading "${request.model}"`);
      throw await explain(error, record);
    } finally {
      loading.catch(() => undefined); // it may end after we have left
      stopWatching(watch);
      library.release();
      signal.removeEventListener("abort", abort);
    }
  }
}

/** WebLLM's record for a load, made of the artifact's URLs. */
export function findRecord(request: LoadRequest, base: string): ModelRecord {
  const artifact = new Fields(request.artifact);
  const url = artifact.requiredText("url");
  const features = artifact.array("features");
  if (features !== undefined && !features.every((feature) => typeof feature === "string")) {
    throw artifact.wrong("features", "a list of texts", features);
  }
  const vram = artifact.number("vram_mb", 0, Infinity);
  const lowResource = artifact.boolean("low_resource");
  const overrides = artifact.record("overrides");
  const type = artifact.text("model_type") === undefined ? null : artifact.oneOf("model_type", ["embedding", "vision"]);
  const manifest = artifact.text("manifest");
  return {
    model_id: request.model,
    model: resolve(url, base, "url"),
    model_lib: resolve(artifact.requiredText("library"), base, "library"),
    ...(overrides === undefined ? {} : { overrides }),
    ...(vram === undefined ? {} : { vram_required_MB: vram }),
    ...(lowResource === undefined ? {} : { low_resource_required: lowResource }),
    ...(features === undefined ? {} : { required_features: [...features] }),
    ...(type === null ? {} : { model_type: type === "embedding" ? ModelType.embedding : ModelType.VLM }),
    ...(manifest === undefined ? {} : { model_manifest: manifest }),
  };
}

function resolve(url: string, base: string, parameter: string): string {
  if (!URL.canParse(url, base)) throw invalid(parameter, `'${parameter}' must be a URL, not ${JSON.stringify(url)}`);
  return new URL(url, base).href;
}

async function explain(error: unknown, record: ModelRecord): Promise<PageError> {
  const known = loadError(error, record.model_id);
  if (known.code !== "load_failed") return known;
  return (await findMissingFile({ folder: folderOf(record), library: record.model_lib }, record.model_id)) ?? known;
}

/** Where WebLLM reads the model's files. */
function folderOf(record: ModelRecord): string {
  const folder = record.model.endsWith("/") ? record.model : `${record.model}/`;
  return /\/resolve\/.+\//.test(folder) ? folder : `${folder}resolve/main/`;
}
