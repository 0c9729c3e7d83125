/** The Transformers.js engine: ONNX models on WebGPU or on the CPU (WebAssembly). */

import {
  AutoConfig,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForImageTextToText,
  AutoProcessor,
  AutoTokenizer,
  env,
  type PreTrainedModel,
} from "@huggingface/transformers";
import { SessionWatch, takeFailure } from "../../patches/transformers/sessions.ts";
import { cancelled, invalid, PageError } from "../errors.ts";
import { Fields } from "../fields.ts";
import type { Engine, LoadContext, LoadedModel } from "../engine.ts";
import { gpuError } from "../gpu.ts";
import type { ComputeDevice, LoadRequest } from "../protocol.ts";
import { kindOf, normalizes, poolingOf, POOLINGS, type ModelKind } from "./config.ts";
import { EmbeddingModel, type EmbeddingParts } from "./embedding.ts";
import { loadError } from "./errors.ts";
import { ModelFiles } from "./files.ts";
import { openGpu, type Gpu } from "./gpu.ts";
import type { Parts } from "./loaded.ts";
import { TransformersJsModel } from "./model.ts";
import { setUpOrt } from "./ort.ts";
import { VisionPrompts } from "./vision.ts";

const DTYPES = ["auto", "fp32", "fp16", "q8", "int8", "uint8", "q4", "bnb4", "q4f16"] as const;
type Dtype = (typeof DTYPES)[number];

export class TransformersJsEngine implements Engine {
  #loads = 0;

  async load(request: LoadRequest, { base, signal, report }: LoadContext): Promise<LoadedModel> {
    const artifact = new Fields(request.artifact);
    const folder = folderUrl(artifact.requiredText("url"), base);
    const dtype = artifact.oneOf("dtype", DTYPES);
    await setUpOrt(base);
    const stored = "caches" in self ? self.caches : undefined;
    const files = new ModelFiles({ folder, base, signal, report, caches: stored });
    const gpu = request.device === "webgpu" ? await openGpu() : null;
    const watch = gpu?.watch ?? null;
    const sessions = SessionWatch.start();
    report({ phase: "loading", fraction: null, text: "Reading the model's description" });
    const guard = <T>(promise: Promise<T>): Promise<T> =>
      watch === null ? promise : watch.guard(promise, (fault) => gpuError(fault, request.model));
    try {
      const loading = this.#fromFolder(folder, files, async (id) => {
        // First the tokenizer alone: it is small, and fails at once when the folder is wrong.
        const tokenizer = await AutoTokenizer.from_pretrained(id);
        const kind = readKind(artifact) ?? kindOf(await AutoConfig.from_pretrained(id));
        const processor = kind === "vision" ? await AutoProcessor.from_pretrained(id) : null;
        const pooled = kind === "embedding" ? await readPooling(artifact, files) : null;
        signal.throwIfAborted();
        const model = await loadNetwork(id, kind, request, dtype, gpu);
        const failure = takeFailure();
        if (failure !== null) throw failure as Error;
        const parts: Parts = { name: request.model, device: deviceOf(request), model, tokenizer, watch };
        if (pooled !== null) return new EmbeddingModel({ ...parts, ...pooled });
        return new TransformersJsModel(parts, processor === null ? null : new VisionPrompts(processor, model));
      });
      const model = await guard(loading);
      signal.throwIfAborted();
      if (gpu !== null || model.input.some((kind) => kind === "image")) {
        report({ phase: "compiling", fraction: null, text: gpu === null ? "Trying the vision encoder" : "Compiling GPU programs" });
        await guard(model.warmUp());
        signal.throwIfAborted();
      }
      if (watch?.fault != null) throw gpuError(watch.fault, request.model);
      return model;
    } catch (error) {
      files.stop();
      const freed = sessions.free();
      // On a device that is lost, freeing may never end.
      if (watch?.fault == null) await freed;
      else freed.catch(() => undefined);
      watch?.destroy();
      if (signal.aborted) throw cancelled(`loading "${request.model}"`);
      throw loadError(error, request.model, files.failed);
    } finally {
      sessions.stop();
    }
  }

  /**
   * Run `load` with this folder as the library's "hub", so that a model may be in any folder of any server. The id is new
   * each time, because the library remembers by id what a hub has; what is cached is keyed by URL.
   */
  async #fromFolder<T>(folder: URL, files: ModelFiles, load: (id: string) => Promise<T>): Promise<T> {
    env.remoteHost = `${folder.origin}/`;
    env.remotePathTemplate = folder.pathname === "/" ? "." : folder.pathname.slice(1);
    env.fetch = files.fetch;
    env.useCustomCache = true;
    env.customCache = files.cache;
    this.#loads += 1;
    return load(`folder${this.#loads}`);
  }
}

const NETWORKS = { chat: AutoModelForCausalLM, vision: AutoModelForImageTextToText, embedding: AutoModel } as const;

function loadNetwork(id: string, kind: ModelKind, request: LoadRequest, dtype: Dtype, gpu: Gpu | null): Promise<PreTrainedModel> {
  const providers = gpu === null ? {} : { session_options: { executionProviders: [{ name: "webgpu", device: gpu.device }] } };
  return NETWORKS[kind].from_pretrained(id, { device: deviceOf(request), dtype, ...providers });
}

/** The registry passes on no other device. */
function deviceOf({ device }: LoadRequest): ComputeDevice {
  return device === "webgpu" ? "webgpu" : "wasm";
}

function readKind(artifact: Fields): ModelKind | null {
  return artifact.text("model_type") === undefined ? null : artifact.oneOf("model_type", ["embedding", "vision"] as const);
}

/** How vectors are made: from the artifact, or from the sentence-transformers files of the folder. */
async function readPooling(artifact: Fields, files: ModelFiles): Promise<Pick<EmbeddingParts, "pooling" | "normalize">> {
  if (artifact.text("pooling") !== undefined) {
    return { pooling: artifact.oneOf("pooling", POOLINGS), normalize: artifact.boolean("normalize") ?? false };
  }
  const pooling = poolingOf(await files.optionalJson("1_Pooling/config.json"));
  if (pooling === null) {
    const remedy = "give the artifact a pooling (mean, cls, last), or the folder 1_Pooling/config.json";
    throw new PageError("unsupported", `the model's folder does not say how the vectors of a text's tokens become one; ${remedy}`);
  }
  return { pooling, normalize: artifact.boolean("normalize") ?? normalizes(await files.optionalJson("modules.json")) };
}

function folderUrl(url: string, base: string): URL {
  if (!URL.canParse(url, base)) throw invalid("url", `'url' must be a URL, not ${JSON.stringify(url)}`);
  const folder = new URL(url, base);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}
