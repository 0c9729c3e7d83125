/** The contract of web/src/patches/transformers/ with the pinned libraries: each test names the assumption that broke. */

import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from "vitest";
import type { PreTrainedModel } from "@huggingface/transformers";
import { InferenceSession } from "onnxruntime-web/webgpu";
import { imageSide, imageToken, processorTemplate, tokenizerJson } from "../../../web/src/patches/transformers/privates.ts";
import { guardSessions, SessionWatch, takeFailure } from "../../../web/src/patches/transformers/sessions.ts";

type Library = typeof import("@huggingface/transformers");

const FILE = resolve(import.meta.dirname, "../../../web/node_modules/@huggingface/transformers/dist/transformers.web.js");
const TOKENIZER = {
  version: "1.0",
  added_tokens: [{ id: 1, content: "<image>", special: true }],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "WordLevel", vocab: { a: 0, "<image>": 1 }, unk_token: "a" },
};
const FILES: Readonly<Record<string, unknown>> = {
  "config.json": { model_type: "bert", architectures: ["BertModel"] },
  "tokenizer.json": TOKENIZER,
  "tokenizer_config.json": { tokenizer_class: "PreTrainedTokenizer" },
  "preprocessor_config.json": { processor_class: "Idefics3Processor", image_processor_type: "Idefics3ImageProcessor", max_image_size: { longest_edge: 512 } },
  "processor_config.json": { processor_class: "Idefics3Processor" },
};
let realCreate: typeof InferenceSession.create;

/** The library as a worker's global scope has it; each `name` is a copy with a state of its own. */
async function load(name: string): Promise<Library> {
  class DedicatedWorkerGlobalScope {
    readonly constructorName = DedicatedWorkerGlobalScope.name;
  }
  const { release } = process;
  vi.stubGlobal("self", Object.assign(Object.create(DedicatedWorkerGlobalScope.prototype) as object, { location: { href: "https://site.example/" } }));
  Object.defineProperty(process, "release", { value: { name: "worker" }, configurable: true });
  try {
    const library = (await import(/* @vite-ignore */ `${pathToFileURL(FILE).href}?${name}`)) as Library;
    library.env.useBrowserCache = false;
    library.env.allowLocalModels = false;
    library.env.useWasmCache = false;
    library.env.fetch = (url: string | URL | Request) => {
      const path = String(url instanceof Request ? url.url : url);
      const found = FILES[path.slice(path.lastIndexOf("/") + 1)];
      if (path.endsWith(".onnx")) return Promise.resolve(new Response(new Uint8Array(4)));
      if (found === undefined) return Promise.resolve(new Response(null, { status: 404 }));
      return Promise.resolve(new Response(JSON.stringify(found)));
    };
    return library;
  } finally {
    Object.defineProperty(process, "release", { value: release, configurable: true });
    vi.unstubAllGlobals();
  }
}

const network = ({ AutoModel }: Library): Promise<PreTrainedModel> => AutoModel.from_pretrained("m", { device: "wasm", dtype: "fp32" });

beforeAll(() => { realCreate = InferenceSession.create.bind(InferenceSession); });
afterEach(() => { Object.assign(InferenceSession, { create: realCreate }); });

/** A session whose first run fails. */
class FailingOnce {
  readonly inputNames = ["input_ids"];
  readonly outputNames = ["last_hidden_state"];
  readonly inputMetadata = [];
  runs = 0;
  released = 0;
  run(): Promise<object> {
    this.runs += 1;
    return this.runs === 1 ? Promise.reject(new Error("run failed")) : Promise.resolve({});
  }
  release(): Promise<void> {
    this.released += 1;
    return Promise.resolve();
  }
}

/** Have `InferenceSession.create` fail at first, and then give sessions. */
function failFirst(): { made: FailingOnce[] } {
  const made: FailingOnce[] = [];
  let calls = 0;
  const create = (): Promise<unknown> => {
    calls += 1;
    if (calls === 1) return Promise.reject(new Error("create failed"));
    const session = new FailingOnce();
    made.push(session);
    return Promise.resolve(session);
  };
  Object.assign(InferenceSession, { create });
  return { made };
}

describe("Transformers.js and its sessions", () => {
  it("lets one session that could not be made spoil all later ones, which is why we guard them", async () => {
    const library = await load("unguarded");
    failFirst();
    await expect(network(library)).rejects.toThrow("create failed");
    await expect(network(library), "fixed upstream: patches/transformers/sessions.ts may go").rejects.toThrow("create failed");
  });

  it("calls the `InferenceSession.create` and `session.run` that we replace, and works on after either failed", async () => {
    const library = await load("guarded");
    const { made } = failFirst();
    guardSessions();
    const watch = SessionWatch.start();
    await network(library).catch(() => undefined);
    expect(takeFailure()).toMatchObject({ message: "create failed" });
    const model = await network(library);
    expect(takeFailure()).toBeNull();
    const inputs = { input_ids: new library.Tensor("int64", [1n], [1, 1]) };
    await Promise.resolve(model(inputs) as unknown).catch(() => undefined);
    expect(takeFailure()).toMatchObject({ message: "run failed" });
    await Promise.resolve(model(inputs) as unknown).catch(() => undefined);
    expect([made.length, made[0]?.runs]).toEqual([1, 2]);
    await watch.free();
    watch.stop();
    expect(made[0]?.released).toBe(1);
  });
});

describe("Transformers.js's private fields", () => {
  it("have the whole of tokenizer.json in the tokenizer", async () => {
    const { AutoTokenizer } = await load("tokenizer");
    expect(tokenizerJson(await AutoTokenizer.from_pretrained("m"))).toMatchObject({ model: TOKENIZER.model, added_tokens: TOKENIZER.added_tokens });
  });

  it("have a vision processor's image token, its size and its template", async () => {
    const { AutoProcessor } = await load("processor");
    const processor = await AutoProcessor.from_pretrained("m");
    expect([imageToken(processor), imageSide(processor)]).toEqual(["<image>", 512]);
    expect("chat_template" in processor).toBe(true);
    expect(processorTemplate(Object.assign(processor, { chat_template: "{{ messages }}" }))).toBe("{{ messages }}");
  });
});

describe("ONNX Runtime's public options", () => {
  it("take a GPU device for one session, which each model of ours gets", () => {
    expectTypeOf<InferenceSession.WebGpuExecutionProviderOption>().toHaveProperty("device");
  });
});
