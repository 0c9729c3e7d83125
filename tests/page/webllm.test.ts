import { resolveObjectURL } from "node:buffer";
import { MLCEngine } from "@mlc-ai/web-llm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import { fetchSpecialTokens, readSpecialTokens } from "../../web/src/patches/web-llm/special-tokens.ts";
import { chatError, loadError } from "../../web/src/patches/web-llm/errors.ts";
import { findMissingFile } from "../../web/src/engine/webllm/files.ts";
import { abortReload, readInternals } from "../../web/src/patches/web-llm/internals.ts";
import { openLibrary } from "../../web/src/patches/web-llm/library.ts";
import { Pieces, type Forward } from "../../web/src/patches/web-llm/pieces.ts";
import { readProgress } from "../../web/src/patches/web-llm/progress.ts";
import { toWebLlm } from "../../web/src/engine/webllm/request.ts";
import { renderPrompt } from "../../web/src/patches/web-llm/template.ts";
import type { ChatOptions } from "../../web/src/engine/options.ts";
import { FakeCaches } from "./browser_storage.ts";
import { settle } from "./helpers.ts";

describe("progress", () => {
  it.each([
    [0, "Start to fetch params", { phase: "loading", fraction: null, text: "Looking for weights" }],
    [
      0.25,
      "Fetching param cache[1/4]: 3MB fetched. 25% completed, 1 secs elapsed. It can take a while when we first visit this page",
      { phase: "downloading", fraction: 0.25, loaded_bytes: 3 * 1024 * 1024 },
    ],
    [0.5, "Loading model from cache[2/4]: 3MB loaded. 50% completed, 1 secs elapsed.", { phase: "loading", fraction: 0.5 }],
    [0.9, "Loading GPU shader modules[9/10]: 90% completed, 2 secs elapsed.", { phase: "compiling", fraction: 0.9 }],
    [1, "Finish loading on WebGPU - google", { phase: "compiling", fraction: 1 }],
    [NaN, "Something new", { phase: "loading", fraction: null, text: "Something new" }],
  ])("%d %j is read as %j", (progress, text, expected) => {
    expect(readProgress({ progress, text })).toMatchObject(expected);
  });
});

describe("a library", () => {
  const URLS = { hub: "https://hub.example/l.wasm", own: "https://site.example/l.wasm", local: "http://localhost:8000/l.wasm" };
  let kept: FakeCaches;
  const idle = new AbortController().signal;

  beforeEach(() => {
    kept = new FakeCaches();
    vi.stubGlobal("caches", kept);
    vi.stubGlobal("location", { origin: "https://site.example" });
    vi.stubGlobal("fetch", (url: string) => Promise.resolve(new Response(url)));
  });
  afterEach(() => { vi.unstubAllGlobals(); });

  const read = async (address: string): Promise<string | undefined> => resolveObjectURL(address)?.text();

  it.each(Object.values(URLS))("that is stored is read from there: %s", async (url) => {
    kept.store("webllm/wasm", url, "stored");
    const library = await openLibrary(url, "m", idle);
    expect(await read(library.url)).toBe("stored");
    library.release();
    expect(await read(library.url)).toBeUndefined();
  });

  it("of another server is left to WebLLM, which stores it", async () => {
    expect((await openLibrary(URLS.hub, "m", idle)).url).toBe(URLS.hub);
  });

  it.each([URLS.own, URLS.local])("that WebLLM would not store is fetched here: %s", async (url) => {
    expect(await read((await openLibrary(url, "m", idle)).url)).toBe(url);
    expect(await kept.keys()).toEqual([]);
  });

  it("that does not come is named", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response(null, { status: 404 })));
    await expect(openLibrary(URLS.own, "m", idle)).rejects.toMatchObject({ code: "load_failed", data: { url: URLS.own, status: 404 } });
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
    await expect(openLibrary(URLS.own, "m", idle)).rejects.toMatchObject({ code: "download_interrupted", data: { url: URLS.own } });
  });
});

describe("a load that is cancelled", () => {
  it("ends by the library's own signal, which stays where the library looks for it", () => {
    const reloadController = new AbortController();
    const engine = { reloadController };
    abortReload(engine);
    expect(reloadController.signal.reason).toMatchObject({ name: "AbortError" });
    expect(engine.reloadController).toBe(reloadController);
    abortReload({}); // before it has begun
  });

  it("ends the pinned library's downloads", async () => {
    vi.stubGlobal("location", { origin: "https://site.example" });
    const asked: string[] = [];
    const add = (request: Request): Promise<void> => {
      asked.push(request.url);
      return new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => { reject(request.signal.reason as Error); });
      });
    };
    vi.stubGlobal("caches", { open: () => Promise.resolve({ match: () => Promise.resolve(undefined), add }) });
    const record = { model_id: "m", model: "https://hub.example/m", model_lib: "https://hub.example/l.wasm" };
    const engine = new MLCEngine({ appConfig: { model_list: [record] }, logLevel: "SILENT" });
    const loading = engine.reload("m");
    await settle();
    abortReload(engine);
    await loading; // it takes this for its own way of ending
    expect(asked).toEqual(["https://hub.example/m/resolve/main/mlc-chat-config.json"]);
    vi.unstubAllGlobals();
  });
});

function named(name: string, message = "x"): Error {
  return Object.assign(new Error(message), { name });
}

describe("failures", () => {
  it.each([
    [named("ModelNotFoundError"), "model_not_found", undefined],
    [named("WebGPUNotAvailableError"), "unavailable", "no_api"],
    [named("ShaderF16SupportError"), "unavailable", "missing_feature"],
    [named("DeviceLostError"), "device_lost", undefined],
    [named("IntegrityError"), "integrity", undefined],
    [named("QuotaExceededError"), "quota_exceeded", undefined],
    [new Error("Unable to find a compatible GPU. This"), "unavailable", "no_adapter"],
    [new Error("Cannot initialize because maxBufferSize exceeds limit. requested=1"), "unavailable", "missing_feature"],
    [new RangeError("Array buffer allocation failed"), "out_of_memory", undefined],
    [new Error("?"), "load_failed", undefined],
    [new PageError("cancelled", "x"), "cancelled", undefined],
  ])("of a load: %s is %s", (error, code, reason) => {
    const found = loadError(error, "m");
    expect(found.code).toBe(code);
    expect(found.data["reason"]).toBe(reason);
  });

  it("name both numbers when the context is exceeded, with what was cached", () => {
    const text = "Prompt tokens exceed context window size: number of prompt tokens: 300; context window size: 256\nConsider";
    expect(chatError(named("ContextWindowSizeExceededError", text), 20)).toMatchObject({
      code: "context_exceeded",
      data: { prompt_tokens: 320, context_window: 256 },
    });
    expect(chatError(named("ContextWindowSizeExceededError", "reworded"), 0).code).toBe("internal");
  });

  it.each([
    [named("MessageOrderError"), "messages"],
    [named("SystemMessageOrderError"), "messages"],
    [new Error("Role is not supported: tool"), "messages"],
  ])("of a request: %s blames %s", (error, parameter) => {
    expect(chatError(error, 0)).toMatchObject({ code: "invalid_request", data: { parameter } });
  });

  it("of a chat that are unknown are internal", () => {
    expect(chatError(new Error("x"), 0).code).toBe("internal");
    expect(chatError(new PageError("device_lost", "x"), 0).code).toBe("device_lost");
  });
});

describe("a request", () => {
  const make = (options: ChatOptions): ReturnType<typeof toWebLlm> =>
    toWebLlm({ model: "m", messages: [{ role: "user", content: "a" }, { role: "tool", content: "b" }], options, unknown: [] });

  it("carries every option that the library has", () => {
    const { request, warnings } = make({
      max_tokens: 3,
      temperature: 0.5,
      top_p: 0.9,
      seed: 4,
      stop: ["x"],
      frequency_penalty: 1,
      presence_penalty: 1,
      logit_bias: new Map([[5, 1]]),
      logprobs: true,
      top_logprobs: 2,
      response_format: { type: "text" },
    });
    expect(warnings).toEqual([]);
    expect(request).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user" }, { role: "tool", tool_call_id: "" }],
      max_tokens: 3,
      temperature: 0.5,
      seed: 4,
      stop: ["x"],
      logit_bias: { 5: 1 },
      top_logprobs: 2,
    });
  });

  it("asks for no other tokens without log probabilities", () => {
    expect(make({ top_logprobs: 2 }).request.top_logprobs).toBeNull();
  });

  it("asks for one other token where only the token's own probability is wanted", () => {
    expect(make({ logprobs: true }).request).toMatchObject({ logprobs: true, top_logprobs: 1 });
    expect(make({ logprobs: true, top_logprobs: 0 }).request.top_logprobs).toBe(1);
  });

  it("asks for a matcher, which is ours, where there is a constraint", () => {
    expect(make({}).request.response_format).toBeUndefined();
    const { request } = toWebLlm({ model: "m", messages: [{ role: "user", content: "a" }], options: {}, unknown: [] }, true);
    expect(request.response_format?.type).toBe("grammar");
  });
});

describe("the special tokens of an embedding model", () => {
  const single = [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "[SEP]", type_id: 0 } }];
  const specials = { "[CLS]": { ids: [101] }, "[SEP]": { ids: [102] } };

  it("are read from the tokenizer's post-processor, whatever its kind", () => {
    const template = { type: "TemplateProcessing", single, special_tokens: specials };
    expect(readSpecialTokens({ post_processor: template })).toEqual({ before: [101], after: [102] });
    expect(readSpecialTokens({ post_processor: { ...template, single: single.slice(1) } })).toEqual({ before: [], after: [102] });
    expect(readSpecialTokens({ post_processor: { type: "BertProcessing", sep: ["[SEP]", 102], cls: ["[CLS]", 101] } })).toEqual({ before: [101], after: [102] });
    for (const tokenizer of [null, {}, { post_processor: null }, { post_processor: { type: "ByteLevel" } }, { post_processor: { ...template, single: [1] } }]) {
      expect(readSpecialTokens(tokenizer)).toEqual({ before: [], after: [] });
    }
  });

  it("are read from where WebLLM keeps the model, else from its server", async () => {
    const kept = new FakeCaches();
    vi.stubGlobal("caches", kept);
    const text = JSON.stringify({ post_processor: { type: "TemplateProcessing", single, special_tokens: specials } });
    vi.stubGlobal("fetch", (url: string) => Promise.resolve(new Response(url.endsWith("/tokenizer.json") ? text : null)));
    const signal = new AbortController().signal;
    expect(await fetchSpecialTokens("https://hub.example/m/", signal)).toEqual({ before: [101], after: [102] });
    kept.store("webllm/model", "https://hub.example/m/tokenizer.json", "{}");
    expect(await fetchSpecialTokens("https://hub.example/m/", signal)).toEqual({ before: [], after: [] });
    vi.unstubAllGlobals();
  });
});

describe("a conversation template", () => {
  const chatml = {
    system_template: "<|im_start|>system\n{system_message}<|im_end|>\n",
    system_message: "Be kind.",
    roles: { user: "<|im_start|>user", assistant: "<|im_start|>assistant", tool: "<|im_start|>user" },
    role_templates: { user: "{user_message}", assistant: "{assistant_message}", tool: "<r>{tool_message}</r>" },
    role_content_sep: "\n",
    role_empty_sep: "\n",
    seps: ["<|im_end|>\n"],
  };

  it("renders the prompt that the library renders", () => {
    const prompt = renderPrompt(chatml, [
      { role: "user", content: "a $& b" },
      { role: "assistant", content: "c" },
      { role: "tool", content: "d" },
    ]).join("");
    expect(prompt).toBe(
      "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\na $& b<|im_end|>\n<|im_start|>assistant\nc<|im_end|>\n" +
        "<|im_start|>user\n<r>d</r><|im_end|>\n<|im_start|>assistant\n",
    );
  });

  it("takes the caller's system message in place of its own", () => {
    const [system] = renderPrompt(chatml, [{ role: "system", content: "Be brief." }, { role: "user", content: "a" }]);
    expect(system).toBe("<|im_start|>system\nBe brief.<|im_end|>\n");
  });

  it("does with little", () => {
    expect(renderPrompt({}, [{ role: "user", content: "a" }])).toEqual([": a", ": "]);
    const silent = { ...chatml, system_message: "", render_empty_system_message: false };
    expect(renderPrompt(silent, [{ role: "user", content: "a" }])[0]).toBe("<|im_start|>user\na<|im_end|>\n");
    const bare = { ...chatml, add_role_after_system_message: false };
    expect(renderPrompt(bare, [{ role: "user", content: "a" }])[1]).toBe("a<|im_end|>\n");
  });
});

describe("what the library keeps to itself", () => {
  const engineWith = (pipeline: object, config: object): object => ({
    loadedModelIdToPipeline: new Map([["m", pipeline]]),
    loadedModelIdToChatConfig: new Map([["m", config]]),
  });

  it("is read where it lies", () => {
    const pipeline = {
      contextWindowSize: 2048,
      slidingWindowSize: -1,
      filledKVCacheLength: 30,
      curRoundDecodingTotalTokens: 4,
      tokenizer: { encode: (text: string) => new Int32Array(text.length) },
    };
    const internals = readInternals(engineWith(pipeline, { conv_template: { seps: ["a"] }, conv_config: { seps: ["b"] } }), "m");
    expect(internals.contextWindow).toBe(2048);
    expect(internals.template).toEqual({ seps: ["b"] });
    expect(internals.countTokens("abc")).toBe(3);
    expect([internals.filled(), internals.decoded()]).toEqual([30, 4]);
  });

  it("has a prompt fed in pieces", async () => {
    const log: string[] = [];
    const pipeline = {
      sync: () => { log.push("idle"); return Promise.resolve(); },
      embedAndForward: (_data: unknown, length: number) => { log.push(`forward ${length}`); return Promise.resolve(length); },
    };
    const internals = readInternals(engineWith(pipeline, {}), "m");
    internals.feedInPieces(() => { log.push("between"); });
    expect(await pipeline.embedAndForward([range(100)], 100)).toBe(36);
    internals.newPrompt();
    await pipeline.embedAndForward([range(10)], 10);
    expect(log).toEqual(["forward 64", "idle", "between", "forward 36", "forward 10"]);
    readInternals(engineWith({}, {}), "m").feedInPieces(() => undefined);
  });

  it("is null where it does not lie, and a sliding window has no end", () => {
    const internals = readInternals(engineWith({ contextWindowSize: 5, slidingWindowSize: 4 }, {}), "m");
    expect(internals.contextWindow).toBeNull();
    expect([internals.template, internals.countTokens("a"), internals.filled()]).toEqual([null, null, null]);
    expect(readInternals({}, "m").contextWindow).toBeNull();
  });
});

const range = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

describe("a prompt in pieces", () => {
  /** A GPU on the test's clock: a piece costs `each` milliseconds a token. */
  class Gpu implements Forward {
    clock = 0;
    each = 1;
    readonly fed: (readonly unknown[])[] = [];
    readonly pieces = new Pieces(this, () => { this.between(); }, () => this.clock);
    between: () => void = () => undefined;
    #busy = 0;

    forward = (data: readonly unknown[], length: number): Promise<unknown> => {
      this.fed.push(data.flat());
      this.#busy += length * this.each;
      return Promise.resolve(`logits of ${String(data.flat().at(-1))}`);
    };
    sync = (): Promise<void> => {
      this.clock += this.#busy;
      this.#busy = 0;
      return Promise.resolve();
    };
    get sizes(): readonly number[] {
      return this.fed.map(({ length }) => length);
    }
  }

  it("is whole, in order, and gives the last piece's logits", async () => {
    const gpu = new Gpu();
    expect(await gpu.pieces.feed([range(100), range(30)], 130)).toBe("logits of 29");
    expect(gpu.fed.flat()).toEqual([...range(100), ...range(30)]);
  });

  it("comes in pieces of about 100 ms, which the next prompt begins with", async () => {
    const gpu = new Gpu();
    const sizesOf = async (tokens: number, each: number): Promise<readonly number[]> => {
      gpu.each = each;
      gpu.fed.length = 0;
      gpu.pieces.newPrompt();
      await gpu.pieces.feed([range(tokens)], tokens);
      await gpu.sync(); // as WebLLM does before it samples
      return gpu.sizes;
    };
    expect(await sizesOf(512, 1)).toEqual([64, 96, 96, 96, 96, 64]);
    expect(await sizesOf(2000, 0.1)).toEqual([96, 992, 912]);
    expect(await sizesOf(1100, 50)).toEqual([992, 32, 32, 32, 12]);
  });

  it("learns nothing from a piece that is shorter than the kernels' tiles", async () => {
    const gpu = new Gpu();
    gpu.each = 30;
    await gpu.pieces.feed([range(6)], 6);
    await gpu.pieces.feed([range(70)], 70);
    expect(gpu.sizes).toEqual([6, 64, 6]);
  });

  it("ends where a stop is seen, between the library's own pieces too", async () => {
    const gpu = new Gpu();
    await gpu.pieces.feed([range(50)], 50);
    gpu.between = () => { throw new Error("stopped"); };
    await expect(gpu.pieces.feed([range(50)], 50)).rejects.toThrow("stopped");
    gpu.pieces.newPrompt();
    await expect(gpu.pieces.feed([range(200)], 200)).rejects.toThrow("stopped");
    expect(gpu.sizes).toEqual([50, 96]);
  });

  it("leaves decoded tokens and images as they are", async () => {
    const gpu = new Gpu();
    await gpu.pieces.feed([[7]], 1);
    await gpu.pieces.feed([[1], { url: "x" }], 300);
    gpu.between = () => { throw new Error("asked between decoded tokens"); };
    await gpu.pieces.feed([[7]], 1);
    expect(gpu.sizes).toEqual([1, 2, 1]);
  });
});

describe("a missing file", () => {
  const files = { folder: "http://h/m/resolve/main/", library: "http://h/m/lib.wasm" };
  let answers: Record<string, number>;
  let cached: Set<string>;

  beforeEach(() => {
    answers = {};
    cached = new Set();
    const shards = JSON.stringify({ records: [{ dataPath: "params_shard_0.bin" }, {}] });
    vi.stubGlobal("caches", { match: (url: string) => Promise.resolve(cached.has(url) ? new Response(shards) : undefined) });
    vi.stubGlobal("fetch", (url: string, init?: RequestInit) => {
      const status = answers[url.slice(url.lastIndexOf("/") + 1)] ?? 200;
      if (status === 0) return Promise.reject(new TypeError("offline"));
      return Promise.resolve(new Response(init?.method === "HEAD" ? null : shards, { status }));
    });
  });
  afterEach(() => { vi.unstubAllGlobals(); });

  it("is named with the server's answer", async () => {
    answers["lib.wasm"] = 404;
    expect(await findMissingFile(files, "m")).toMatchObject({ code: "load_failed", data: { url: "http://h/m/lib.wasm", status: 404 } });
  });

  it("is found among the weights too", async () => {
    answers["params_shard_0.bin"] = 403;
    expect(await findMissingFile(files, "m")).toMatchObject({ data: { url: "http://h/m/resolve/main/params_shard_0.bin" } });
  });

  it("is an interrupted download when the server does not answer, unless it is cached", async () => {
    answers["mlc-chat-config.json"] = 0;
    expect(await findMissingFile(files, "m")).toMatchObject({ code: "download_interrupted" });
    cached.add("http://h/m/resolve/main/mlc-chat-config.json");
    expect(await findMissingFile(files, "m")).toBeNull();
  });

  it("is not claimed where a server does not know HEAD, or the list is not valid JSON", async () => {
    answers["tokenizer.json"] = 405;
    expect(await findMissingFile(files, "m")).toBeNull();
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>")));
    expect(await findMissingFile(files, "m")).toBeNull();
  });
});
