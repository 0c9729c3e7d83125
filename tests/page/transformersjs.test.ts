import { afterEach, describe, expect, it, vi } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import type { LoadProgress } from "../../web/src/engine/engine.ts";
import { contextWindow, endTokens, samplerDefaults } from "../../web/src/engine/transformersjs/config.ts";
import { loadError, runError } from "../../web/src/engine/transformersjs/errors.ts";
import { ModelFetch } from "../../web/src/engine/transformersjs/files.ts";

afterEach(() => { vi.unstubAllGlobals(); });

describe("a model's configuration", () => {
  it("tells the context window, under any of its names", () => {
    expect(contextWindow({ max_position_embeddings: 2048 })).toBe(2048);
    expect(contextWindow({ n_positions: 1024 })).toBe(1024);
    expect(contextWindow({ text_config: { max_position_embeddings: 8 } })).toBe(8);
    expect(contextWindow({ max_position_embeddings: "2048" })).toBeNull();
    expect(contextWindow(null)).toBeNull();
  });

  it("tells the tokens that end an answer, wherever they are", () => {
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
  function fetching(answer: (url: string) => Response | Error): { files: ModelFetch; told: LoadProgress[]; signals: unknown[] } {
    const told: LoadProgress[] = [];
    const signals: unknown[] = [];
    vi.stubGlobal("fetch", (input: string | URL | Request, init: RequestInit) => {
      signals.push(init.signal);
      const found = answer(input instanceof Request ? input.url : String(input));
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
    });
    return { files: new ModelFetch(new AbortController().signal, (progress) => told.push(progress)), told, signals };
  }

  const body = (size: number, headers: Record<string, string> = {}): Response =>
    new Response(new Uint8Array(size), { headers: { "Content-Length": String(size), ...headers } });

  it("counts bytes, and hands the body on", async () => {
    const { files, told, signals } = fetching(() => body(100));
    const response = await files.fetch("http://h/model.onnx");
    expect((await response.arrayBuffer()).byteLength).toBe(100);
    expect(told).toMatchObject([
      { phase: "downloading", fraction: 1, loaded_bytes: 100, total_bytes: 100 },
      { phase: "loading", fraction: null },
    ]);
    expect(signals).toHaveLength(1);
  });

  it("knows no total where the server tells none, or that of something compressed", async () => {
    const { files, told } = fetching((url) => (url.endsWith("a") ? new Response(new Uint8Array(9)) : body(50, { "Content-Encoding": "br" })));
    await (await files.fetch(new URL("http://h/a"))).arrayBuffer();
    await (await files.fetch("http://h/b")).arrayBuffer();
    expect(told.at(0)).toMatchObject({ fraction: null, total_bytes: null });
  });

  it("tells no share before the weights have begun", async () => {
    const { files, told } = fetching(() => body(10));
    await (await files.fetch("http://h/tokenizer.json")).arrayBuffer();
    expect(told).toMatchObject([{ phase: "downloading", fraction: null, loaded_bytes: 10 }]);
  });

  it("does not count what only asks about a file", async () => {
    const { files, told } = fetching(() => body(1));
    await (await files.fetch("http://h/a", { headers: { Range: "bytes=0-0" } })).arrayBuffer();
    await files.fetch("http://h/a", { method: "HEAD" });
    expect(told).toEqual([]);
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
});
