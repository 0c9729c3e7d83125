import { IDBFactory } from "fake-indexeddb";
import { describe, expect, it } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import { Journal } from "../../web/src/engine/files/journal.ts";
import type { PartialFile } from "../../web/src/engine/files/operations.ts";
import { BrowserStore, type StorageFacts, type StoreParts } from "../../web/src/engine/files/store.ts";
import type { PickedFolder } from "../../web/src/engine/window/link.ts";
import { FakeCaches, folderOf } from "./browser_storage.ts";

const BASE = "https://example.org/app/";
const HUB = "https://hub.example/m/resolve/main/";

class FakePartials {
  readonly files = new Map<string, PartialFile>();

  add(url: string, loaded_bytes: number): void {
    this.files.set(url, { url, cache: "webllm/model", loaded_bytes, total_bytes: 100, updated_ms: 5 });
  }

  list(): Promise<readonly PartialFile[]> {
    return Promise.resolve([...this.files.values()]);
  }

  remove(url: string): Promise<void> {
    this.files.delete(url);
    return Promise.resolve();
  }
}

function setUp(parts: Partial<StoreParts> = {}): { store: BrowserStore; caches: FakeCaches; partials: FakePartials } {
  const caches = new FakeCaches();
  const partials = new FakePartials();
  const storage: StorageFacts = {
    estimate: () => Promise.resolve({ usage: 400, quota: 1000 }),
    persisted: () => Promise.resolve(false),
  };
  const window = { persist: () => Promise.resolve(true), pickFolder: () => Promise.reject(new Error("not asked")) };
  const journal = new Journal(new IDBFactory());
  const store = new BrowserStore({ base: BASE, caches: caches.storage, storage, journal, partials, window, ...parts });
  return { store, caches, partials };
}

describe("what is stored", () => {
  it("is listed from every cache of an engine, with unfinished files, the journal and the space", async () => {
    const { store, caches, partials } = setUp();
    caches.store("webllm/model", `${HUB}shard.bin`, "12345", { "Content-Length": "5" });
    caches.store("webllm/config", `${HUB}mlc-chat-config.json`, "{}");
    caches.store("webllm/wasm", "https://hub.example/l.wasm", "wasm");
    caches.store("transformers-cache", `${HUB}config.json`, "{ }");
    caches.store("another site's", `${HUB}else`, "x");
    partials.add(`${HUB}half.bin`, 40);
    await store.journal({ put: { k: { model: "m" } }, remove: [] });
    expect(await store.stored()).toEqual({
      usage_bytes: 400,
      quota_bytes: 1000,
      persisted: false,
      entries: [
        { cache: "webllm/model", url: `${HUB}shard.bin`, size_bytes: 5 },
        { cache: "webllm/config", url: `${HUB}mlc-chat-config.json`, size_bytes: 2 },
        { cache: "webllm/wasm", url: "https://hub.example/l.wasm", size_bytes: 4 },
        { cache: "transformers-cache", url: `${HUB}config.json`, size_bytes: 3 },
      ],
      partials: [{ url: `${HUB}half.bin`, cache: "webllm/model", loaded_bytes: 40, total_bytes: 100, updated_ms: 5 }],
      journal: { k: { model: "m" } },
    });
  });

  it("does not make the caches that are not there", async () => {
    const { store, caches } = setUp();
    expect((await store.stored()).entries).toEqual([]);
    expect(await caches.keys()).toEqual([]);
  });

  it.each([
    ["our own length", { "Content-Length": "7" }, "default", 7],
    ["no length: measured", {}, "cors", 3],
    ["the length of something compressed: measured", { "Content-Length": "2" }, "cors", 3],
    ["nonsense: measured", { "Content-Length": "x" }, "default", 3],
    ["the length of weights from the network", { "Content-Length": "9000000" }, "cors", 9000000],
  ])("has a size from %s", async (_, headers, type, size) => {
    const { store, caches } = setUp();
    caches.store("webllm/model", `${HUB}a`, "abc", headers, type);
    expect((await store.stored()).entries).toMatchObject([{ size_bytes: size }]);
  });

  it("is not reported where the browser keeps nothing", async () => {
    const { store } = setUp({ caches: undefined, storage: undefined });
    const refusal = { code: "unavailable", data: { reason: "insecure_context" } };
    await expect(store.stored()).rejects.toMatchObject(refusal);
    await expect(store.persist()).rejects.toMatchObject(refusal);
  });
});

describe("deleting", () => {
  it("takes files and partials away, counts what was really there, and removes empty caches", async () => {
    const { store, caches, partials } = setUp();
    caches.store("webllm/model", `${HUB}a.bin`, "12345");
    caches.store("webllm/model", `${HUB}b.bin`, "123");
    caches.store("webllm/config", `${HUB}c.json`, "{}");
    partials.add(`${HUB}half.bin`, 40);
    partials.add(`${HUB}other.bin`, 7);
    const done = await store.delete({
      entries: [
        { cache: "webllm/model", url: `${HUB}a.bin` },
        { cache: "webllm/config", url: `${HUB}c.json` },
        { cache: "webllm/wasm", url: `${HUB}never.wasm` },
        { cache: "transformers-cache", url: `${HUB}b.bin` },
      ],
      partials: [`${HUB}half.bin`, `${HUB}never.bin`],
    });
    expect(done).toEqual({ deleted: 3, freed_bytes: 5 + 2 + 40 });
    expect(await caches.keys()).toEqual(["webllm/model"]);
    expect(caches.urls("webllm/model")).toEqual([`${HUB}b.bin`]);
    expect([...partials.files.keys()]).toEqual([`${HUB}other.bin`]);
  });

  it("counts nothing that stays", async () => {
    const { store, partials } = setUp();
    partials.add(`${HUB}half.bin`, 40);
    partials.remove = () => Promise.resolve();
    expect(await store.delete({ entries: [], partials: [`${HUB}half.bin`] })).toEqual({ deleted: 0, freed_bytes: 0 });
  });
});

describe("asking to keep what is stored", () => {
  const facts = (persisted: boolean, persist?: () => Promise<boolean>): StorageFacts => ({
    estimate: () => Promise.resolve({}),
    persisted: () => Promise.resolve(persisted),
    ...(persist === undefined ? {} : { persist }),
  });
  const never = (): Promise<never> => Promise.reject(new Error("asked"));
  const yes = (): Promise<boolean> => Promise.resolve(true);

  it.each([
    ["is not needed when it is kept already", facts(true, never), never, true],
    ["is done here where the browser lets a worker", facts(false, yes), never, true],
    ["is done by the window elsewhere", facts(false), yes, true],
    ["may be refused", facts(false), () => Promise.resolve(false), false],
  ])("%s", async (_, storage, persist, persisted) => {
    const { store } = setUp({ storage, window: { persist, pickFolder: never } });
    expect(await store.persist()).toEqual({ persisted });
  });
});

describe("a picked folder", () => {
  const FOLDER = `${BASE}own/my%20model/resolve/picked/`;
  const webllm = {
    "mlc-chat-config.json": "{}",
    "tensor-cache.json": JSON.stringify({ records: [{ dataPath: "params_shard_0.bin" }, { dataPath: "missing.bin" }] }),
    "params_shard_0.bin": "weights",
    "tokenizer.json": "{1}",
    "lib.wasm": "wasm",
    "README.md": "no file of a model",
  };
  const onnx = { "config.json": "{}", "tokenizer.json": "{1}", "tokenizer_config.json": "{2}", "onnx/model.onnx": "net", "onnx/model.onnx_data": "data" };

  function picking(folder: PickedFolder | Error, parts: Partial<StoreParts> = {}): ReturnType<typeof setUp> {
    const pickFolder = (): Promise<PickedFolder> => (folder instanceof Error ? Promise.reject(folder) : Promise.resolve(folder));
    return setUp({ window: { persist: () => Promise.resolve(false), pickFolder }, ...parts });
  }
  const request = { key: "my model", prompt: "Which?" };
  const idle = new AbortController().signal;

  it("of WebLLM goes into its three caches, under an address of the site", async () => {
    const { store, caches } = picking(folderOf("m", webllm));
    const { folder, entries } = await store.pick(request, idle);
    expect(folder).toBe(FOLDER);
    expect(caches.urls("webllm/config")).toEqual([`${FOLDER}mlc-chat-config.json`]);
    expect(caches.urls("webllm/wasm")).toEqual([`${FOLDER}lib.wasm`]);
    expect(caches.urls("webllm/model").sort()).toEqual(["params_shard_0.bin", "tensor-cache.json", "tokenizer.json"].map((name) => FOLDER + name));
    expect(await caches.text("webllm/model", `${FOLDER}params_shard_0.bin`)).toBe("weights");
    expect(entries).toEqual((await store.stored()).entries.toSorted((a, b) => entries.findIndex(({ url }) => url === a.url) - entries.findIndex(({ url }) => url === b.url)));
    expect(await caches.has("transformers-cache")).toBe(false);
  });

  it("with both kinds fills the caches of both", async () => {
    const { store, caches } = picking(folderOf("m", { ...webllm, ...onnx }));
    await store.pick(request, idle);
    expect(caches.urls("transformers-cache").sort()).toEqual(Object.keys(onnx).map((name) => FOLDER + name).sort());
    expect(caches.urls("webllm/model")).toContain(`${FOLDER}tokenizer.json`);
  });

  it("whose networks lie at its top is read as if they lay in onnx/", async () => {
    const { store, caches } = picking(folderOf("", { "config.json": "{}", "model_quantized.onnx": "net" }));
    await store.pick(request, idle);
    expect(caches.urls("transformers-cache")).toContain(`${FOLDER}onnx/model_quantized.onnx`);
  });

  it("without a model is refused, and the error lists its files", async () => {
    const { store, caches } = picking(folderOf("photos", { "a.jpg": "", "b.jpg": "", "config.json": "{}" }));
    await expect(store.pick(request, idle)).rejects.toMatchObject({
      code: "model_not_found",
      message: expect.stringMatching(/"photos".*a\.jpg.*mlc-chat-config\.json/) as string,
    });
    await expect(picking(folderOf("none", {})).store.pick(request, idle)).rejects.toMatchObject({ message: expect.stringContaining("is empty") as string });
    expect(await caches.keys()).toEqual([]);
  });

  it("that is too large is refused before anything is copied", async () => {
    const large = { ...webllm, "params_shard_0.bin": "x".repeat(601) };
    const { store, caches } = picking(folderOf("m", large));
    await expect(store.pick(request, idle)).rejects.toMatchObject({ code: "quota_exceeded", data: { available_bytes: 600 } });
    expect(await caches.keys()).toEqual([]);
  });

  it("replaces what was picked before under the same key, and nothing else", async () => {
    const { store, caches } = picking(folderOf("m", onnx));
    caches.store("webllm/model", `${FOLDER}old.bin`, "old");
    caches.store("webllm/model", `${BASE}own/other/resolve/picked/a.bin`, "other");
    await store.pick(request, idle);
    expect(caches.urls("webllm/model")).toEqual([`${BASE}own/other/resolve/picked/a.bin`]);
  });

  it("leaves nothing behind when a file cannot be copied, or the caller cancels halfway", async () => {
    const { store, caches } = picking(folderOf("m", webllm));
    caches.onPut = (url) => {
      if (url.endsWith("params_shard_0.bin")) throw new DOMException("full", "QuotaExceededError");
    };
    await expect(store.pick(request, idle)).rejects.toMatchObject({ name: "QuotaExceededError" });
    expect(await caches.keys()).toEqual([]);
    const controller = new AbortController();
    caches.onPut = (url) => {
      if (url.endsWith("params_shard_0.bin")) controller.abort(new PageError("cancelled", "enough"));
    };
    await expect(store.pick(request, controller.signal)).rejects.toMatchObject({ code: "cancelled" });
    expect(await caches.keys()).toEqual([]);
  });

  it("is cancelled when the person chooses none", async () => {
    const { store } = picking(new PageError("cancelled", "the user chose no folder"));
    await expect(store.pick(request, idle)).rejects.toMatchObject({ code: "cancelled" });
  });
});
