/** The Transformers.js engine: ONNX models on WebGPU or on the CPU (WebAssembly). */

import { AutoModelForCausalLM, AutoTokenizer, env, type PreTrainedModel, type PreTrainedTokenizer } from "@huggingface/transformers";
import { cancelled, invalid, PageError } from "../errors.ts";
import { Fields } from "../fields.ts";
import type { Engine, LoadContext, LoadedModel } from "../engine.ts";
import { GpuWatch } from "../gpu.ts";
import type { LoadOrder } from "../protocol.ts";
import { loadError } from "./errors.ts";
import { ModelFetch } from "./files.ts";
import { TransformersJsModel } from "./model.ts";
import { setUpOrt, takeFailure } from "./ort.ts";

const DTYPES = ["auto", "fp32", "fp16", "q8", "int8", "uint8", "q4", "bnb4", "q4f16"] as const;
type Dtype = (typeof DTYPES)[number];

export class TransformersJsEngine implements Engine {
  /** ONNX Runtime keeps its GPU device from model to model. */
  #watch: GpuWatch | null = null;
  #loads = 0;

  async load(order: LoadOrder, { base, signal, report }: LoadContext): Promise<LoadedModel> {
    const artifact = new Fields(order.artifact);
    const folder = folderUrl(artifact.requiredText("url"), base);
    const dtype = artifact.oneOf("dtype", DTYPES);
    await setUpOrt(base);
    const files = new ModelFetch(signal, report);
    const watch = order.device === "webgpu" ? this.#startWatch() : null;
    report({ phase: "downloading", fraction: null, text: "Fetching the model's description" });
    let model: PreTrainedModel | null = null;
    try {
      const tokenizer = await this.#fromFolder(folder, base, files, async (id) => {
        // First the tokenizer alone: it is small, and says at once when the folder is wrong.
        const tokenizer = await AutoTokenizer.from_pretrained(id);
        signal.throwIfAborted();
        model = await loadNetwork(id, order, dtype);
        return tokenizer;
      });
      const failure = takeFailure();
      if (failure !== null) throw failure as Error;
      if (signal.aborted) throw cancelled(`loading "${order.model}"`);
      if (watch?.fault != null) throw new PageError("device_lost", `the GPU device was lost (${watch.fault.reason})`);
      return makeModel(order, model, tokenizer, watch);
    } catch (error) {
      await (model as PreTrainedModel | null)?.dispose();
      if (signal.aborted) throw cancelled(`loading "${order.model}"`);
      throw loadError(error, order.model, files.failed);
    } finally {
      watch?.stop();
    }
  }

  #startWatch(): GpuWatch {
    if (this.#watch === null || this.#watch.fault !== null) this.#watch = GpuWatch.start();
    else GpuWatch.resume(this.#watch);
    return this.#watch;
  }

  /**
   * Run `load` with the library's one "hub" being this folder, so that any folder of any server will do. The id is new
   * each time, because the library remembers by id what a hub has; what is cached is keyed by URL.
   */
  async #fromFolder<T>(folder: URL, base: string, files: ModelFetch, load: (id: string) => Promise<T>): Promise<T> {
    env.remoteHost = `${folder.origin}/`;
    env.remotePathTemplate = folder.pathname === "/" ? "." : folder.pathname.slice(1);
    env.fetch = files.fetch;
    // A site's own files are left to the HTTP cache, which notices when the site has new ones.
    env.useBrowserCache = "caches" in self && folder.origin !== new URL(base).origin;
    this.#loads += 1;
    return load(`folder${this.#loads}`);
  }
}

function loadNetwork(id: string, order: LoadOrder, dtype: Dtype): Promise<PreTrainedModel> {
  return AutoModelForCausalLM.from_pretrained(id, { device: order.device, dtype });
}

function makeModel(
  order: LoadOrder,
  model: PreTrainedModel | null,
  tokenizer: PreTrainedTokenizer,
  watch: GpuWatch | null,
): LoadedModel {
  if (model === null) throw new PageError("internal", "the library loaded no network");
  return new TransformersJsModel({ name: order.model, device: order.device, model, tokenizer, watch });
}

function folderUrl(url: string, base: string): URL {
  if (!URL.canParse(url, base)) throw invalid("url", `'url' must be a URL, not ${JSON.stringify(url)}`);
  const folder = new URL(url, base);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}
