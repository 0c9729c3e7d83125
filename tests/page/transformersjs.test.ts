import { afterEach, describe, expect, it, vi } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import type { LoadProgress } from "../../web/src/engine/engine.ts";
import { contextWindow, endTokens, kindOf, normalizes, poolingOf, samplerDefaults } from "../../web/src/engine/transformersjs/config.ts";
import { loadError, runError } from "../../web/src/engine/transformersjs/errors.ts";
import { CACHE, ModelFiles } from "../../web/src/engine/transformersjs/files.ts";
import { FakeCaches } from "./browser_storage.ts";

afterEach(() => { vi.unstubAllGlobals(); });

describe("a model's configuration", () => {
  it("reads the context window, under any of its names", () => {
    expect(contextWindow({ max_position_embeddings: 2048 })).toBe(2048);
    expect(contextWindow({ n_positions: 1024 })).toBe(1024);
    expect(contextWindow({ text_config: { max_position_embeddings: 8 } })).toBe(8);
    expect(contextWindow({ max_position_embeddings: "2048" })).toBeNull();
    expect(contextWindow(null)).toBeNull();
  });

  it("finds what the model is for", () => {
    expect(kindOf({ model_type: "idefics3", architectures: ["Idefics3ForConditionalGeneration"] })).toBe("vision");
    expect(kindOf({ model_type: "smolvlm" })).toBe("vision");
    for (const name of ["BertModel", "MPNetModel", "Qwen3Model"]) expect(kindOf({ architectures: [name] })).toBe("embedding");
    for (const name of ["LlamaForCausalLM", "GPT2LMHeadModel", "Gemma3ForConditionalGeneration"]) expect(kindOf({ architectures: [name] })).toBe("chat");
    for (const config of [null, {}, { architectures: "BertModel" }, { architectures: [] }]) expect(kindOf(config)).toBe("chat");
  });

  it("reads how the tokens of a text become one vector", () => {
    expect(poolingOf({ pooling_mode_mean_tokens: true, pooling_mode_cls_token: false })).toBe("mean");
    expect(poolingOf({ pooling_mode_mean_tokens: false, pooling_mode_cls_token: true })).toBe("cls");
    expect(poolingOf({ pooling_mode_lasttoken: true })).toBe("last");
    for (const config of [null, {}, { pooling_mode_max_tokens: true }]) expect(poolingOf(config)).toBeNull();
    const modules = [{ type: "sentence_transformers.models.Transformer" }, { type: "sentence_transformers.models.Normalize" }];
    expect(normalizes(modules)).toBe(true);
    for (const config of [null, modules.slice(0, 1), [1]]) expect(normalizes(config)).toBe(false);
  });

  it("finds the tokens that end an answer in any of the files", () => {
    expect(endTokens({ eos_token_id: [1, 2] }, { eos_token_id: 3 }, 4)).toEqual(new Set([1, 2, 3, 4]));
    expect(endTokens(null, {}, undefined)).toEqual(new Set());
  });

  it("samples only where the model says so", () => {
    expect(samplerDefaults(null)).toEqual({ temperature: 0, top_p: 1, top_k: 0, repetition_penalty: 1 });
    expect(samplerDefaults({ do_sample: true })).toEqual({ temperature: 1, top_p: 1, top_k: 50, repetition_penalty: 1 });
    expect(samplerDefaults({ do_sample: true, temperature: 0.6, top_p: 0.9, top_k: 20, repetition_penalty: 1.1 })).toEqual({
      temperature: 0.6,
      top_p: 0.9,
      top_k: 20,
      repetition_penalty: 1.1,
    });
  });
});

describe("failures", () => {
  it.each([
    [new Error("x"), { url: "http://h/a", status: 404 }, "load_failed"],
    [new Error("x"), { url: "http://h/a", status: null }, "download_interrupted"],
    [new Error("std::bad_alloc"), null, "out_of_memory"],
    [new RangeError("Array buffer allocation failed"), null, "out_of_memory"],
    [new Error("Unsupported model type: cat"), null, "unsupported"],
    [new Error("something else"), null, "load_failed"],
    [new PageError("integrity", "x"), null, "integrity"],
  ])("of a load: %s with %j is %s", (error, failed, code) => {
    const found = loadError(error, "m", failed);
    expect(found.code).toBe(code);
    if (failed !== null) expect(found).toMatchObject({ data: { url: "http://h/a" }, message: expect.stringContaining("http://h/a") as string });
  });

  it.each([
    [new Error("failed to allocate a buffer"), "out_of_memory"],
    [new Error("Device is lost"), "device_lost"],
    [new PageError("unsupported", "x"), "unsupported"],
    [new Error("what"), "internal"],
  ])("of a run: %s is %s", (error, code) => {
    expect(runError(error, "m").code).toBe(code);
  });
});

describe("fetching a model", () => {
  interface Fetching {
    files: ModelFiles;
    reported: LoadProgress[];
    signals: (AbortSignal | null | undefined)[];
    caches: FakeCaches;
    controller: AbortController;
  }

  function fetching(answer: (url: string) => Response | Error, folder = "http://h/"): Fetching {
    const reported: LoadProgress[] = [];
    const signals: Fetching["signals"] = [];
    const caches = new FakeCaches();
    const controller = new AbortController();
    vi.stubGlobal("fetch", (input: string | URL | Request, init: RequestInit) => {
      signals.push(init.signal);
      const found = answer(input instanceof Request ? input.url : String(input));
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
    });
    const files = new ModelFiles({
      folder: new URL(folder),
      base: "http://site/app/",
      signal: controller.signal,
      report: (progress) => reported.push(progress),
      caches: caches.storage,
    });
    return { files, reported, signals, caches, controller };
  }

  const body = (size: number, headers: Record<string, string> = {}): Response =>
    new Response(new Uint8Array(size), { headers: { "Content-Length": String(size), ...headers } });

  it("counts bytes, and hands the body on", async () => {
    const { files, reported, signals } = fetching(() => body(100));
    const response = await files.fetch("http://h/model.onnx");
    expect((await response.arrayBuffer()).byteLength).toBe(100);
    expect(reported).toMatchObject([
      { phase: "downloading", fraction: 1, loaded_bytes: 100, total_bytes: 100 },
      { phase: "loading", fraction: null },
    ]);
    expect(signals).toHaveLength(1);
  });

  it("knows no total where the server sends none, or that of something compressed", async () => {
    const { files, reported } = fetching((url) => (url.endsWith("a") ? new Response(new Uint8Array(9)) : body(50, { "Content-Encoding": "br" })));
    await (await files.fetch(new URL("http://h/a"))).arrayBuffer();
    await (await files.fetch("http://h/b")).arrayBuffer();
    expect(reported.at(0)).toMatchObject({ fraction: null, total_bytes: null });
    const weights = fetching(() => body(50, { "Content-Encoding": "br" }));
    await (await weights.files.fetch("http://h/model.onnx")).arrayBuffer();
    expect(weights.reported).toMatchObject([{ phase: "downloading", fraction: null, loaded_bytes: 50, total_bytes: null }]);
  });

  it("reports no fraction before the weights have begun", async () => {
    const { files, reported } = fetching(() => body(10));
    await (await files.fetch("http://h/tokenizer.json")).arrayBuffer();
    expect(reported).toMatchObject([{ phase: "downloading", fraction: null, loaded_bytes: 10 }]);
  });

  it("goes on to the network once, though a small file ends after the weights", async () => {
    const { files, reported } = fetching(() => body(10));
    await (await files.fetch("http://h/onnx/model.onnx")).arrayBuffer();
    await (await files.fetch("http://h/generation_config.json")).arrayBuffer();
    expect(reported.map(({ phase, fraction }) => [phase, fraction])).toEqual([["downloading", 1], ["loading", null]]);
  });

  it("does not count what only asks about a file", async () => {
    const { files, reported } = fetching(() => body(1));
    await (await files.fetch("http://h/a", { headers: { Range: "bytes=0-0" } })).arrayBuffer();
    await files.fetch("http://h/a", { method: "HEAD" });
    expect(reported).toEqual([]);
  });

  it("remembers the file that was missing, but not an optional one", async () => {
    const { files } = fetching(() => new Response(null, { status: 404 }));
    await files.fetch("http://h/generation_config.json");
    expect(files.failed).toBeNull();
    await files.fetch(new Request("http://h/config.json"));
    expect(files.failed).toEqual({ url: "http://h/config.json", status: 404 });
  });

  it("remembers that there was no answer", async () => {
    const { files } = fetching(() => new TypeError("Failed to fetch"));
    await expect(files.fetch("http://h/x")).rejects.toThrow("Failed to fetch");
    expect(files.failed).toEqual({ url: "http://h/x", status: null });
  });

  it("reads what is stored, whatever its origin, and says that it loads", async () => {
    for (const folder of ["http://h/", "http://site/app/models/m/"]) {
      const { files, reported, caches } = fetching(() => new TypeError("offline"), folder);
      caches.store(CACHE, `${folder}onnx/model.onnx`, "12345", { "Content-Length": "5" });
      const response = await files.cache.match(`${folder}onnx/model.onnx`);
      expect(response?.headers.get("Content-Length")).toBe("5");
      expect(reported).toEqual([]);
      expect(await response?.text()).toBe("12345");
      expect(reported).toMatchObject([
        { phase: "loading", fraction: 1, text: "Reading the stored model" },
        { phase: "loading", fraction: null, text: "Preparing the network" },
      ]);
      expect(await files.cache.match(`${folder}else`)).toBeUndefined();
      expect(await files.cache.match("/models/folder1/config.json")).toBeUndefined();
    }
  });

  it("says that it downloads as soon as one part of the weights is not stored", async () => {
    const { files, reported, caches } = fetching(() => body(50));
    caches.store(CACHE, "http://h/onnx/model.onnx", "12345", { "Content-Length": "5" });
    await (await files.cache.match("http://h/onnx/model.onnx"))?.text();
    await (await files.fetch("http://h/onnx/model.onnx_data")).arrayBuffer();
    expect(reported.at(-2)).toMatchObject({ phase: "downloading", fraction: 1, loaded_bytes: 55, total_bytes: 55 });
  });

  it("keeps what it fetched, but not the site's own files", async () => {
    const other = fetching(() => body(1));
    await other.files.cache.put("http://h/config.json", new Response("{}"));
    expect(other.caches.urls(CACHE)).toEqual(["http://h/config.json"]);
    const own = fetching(() => body(1), "http://site/app/models/m/");
    await own.files.cache.put("http://site/app/models/m/config.json", new Response("{}"));
    expect(await own.caches.keys()).toEqual([]);
  });

  it("takes an optional file of a stored model for missing when the server does not answer", async () => {
    const { files, caches } = fetching(() => new TypeError("offline"));
    await expect(files.fetch("http://h/generation_config.json")).rejects.toThrow("offline");
    caches.store(CACHE, "http://h/config.json", "{}");
    expect((await files.fetch("http://h/generation_config.json")).status).toBe(404);
    await expect(files.fetch("http://h/tokenizer.json")).rejects.toThrow("offline");
    expect(files.failed).toEqual({ url: "http://h/tokenizer.json", status: null });
  });

  it("asks no server for a picked file", async () => {
    const { files, signals } = fetching(() => body(1), "http://site/app/own/k/resolve/picked/");
    expect((await files.fetch("http://site/app/own/k/resolve/picked/generation_config.json")).status).toBe(404);
    expect(signals).toEqual([]);
    await files.fetch("http://site/app/own/k/resolve/picked/tokenizer.json");
    expect(files.failed).toMatchObject({ status: 404 });
  });

  it("ends what is on its way when the load is cancelled or has failed", async () => {
    for (const how of ["cancel", "stop"] as const) {
      const { files, signals, controller } = fetching(() => body(1));
      await files.fetch("http://h/x");
      expect(signals[0]?.aborted).toBe(false);
      if (how === "cancel") controller.abort(new PageError("cancelled", "enough"));
      else files.stop();
      expect(signals[0]?.aborted).toBe(true);
      await expect(files.cache.match("http://h/y")).rejects.toThrow();
    }
  });

  it("does without a cache where the browser refuses one", async () => {
    const { files, caches } = fetching(() => body(1));
    caches.match = () => Promise.reject(new DOMException("refused", "SecurityError"));
    expect(await files.cache.match("http://h/y")).toBeUndefined();
  });
});
