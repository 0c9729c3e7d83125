import { describe, expect, it } from "vitest";
import { Prober, readBrowser, type ProbeScope } from "../../web/src/engine/probe.ts";

type Adapter = { info: object; features: Set<string>; limits: object; requestDevice: () => Promise<{ destroy: () => void }> };

function adapter(changes: Partial<Adapter> = {}): Adapter {
  // The limits of a real adapter are getters on its prototype.
  const limits = Object.create({ maxBufferSize: 1024, toJSON: () => ({}) }) as object;
  return {
    info: { vendor: "google", architecture: "swiftshader", device: "", description: "", isFallbackAdapter: true },
    features: new Set(["subgroups", "shader-f16"]),
    limits,
    requestDevice: () => Promise.resolve({ destroy: () => undefined }),
    ...changes,
  };
}

function scope(adapters: (Adapter | null | Error)[], changes: object = {}, navigator: object = {}): { scope: ProbeScope; asked: () => number } {
  let asked = 0;
  const requestAdapter = (): Promise<Adapter | null> => {
    const next = adapters[Math.min(asked, adapters.length - 1)] ?? null;
    asked += 1;
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  const made = { isSecureContext: true, crossOriginIsolated: false, navigator: { userAgent: "UA", gpu: { requestAdapter }, ...navigator }, ...changes };
  return { scope: made as unknown as ProbeScope, asked: () => asked };
}

describe("the probe", () => {
  it("tells of the adapter", async () => {
    const facts = await new Prober(scope([adapter()]).scope).probe(false);
    expect(facts.webgpu).toEqual({
      available: true,
      reason: null,
      adapter: { vendor: "google", architecture: "swiftshader", device: null, description: null, fallback: true },
      features: ["shader-f16", "subgroups"],
      limits: { maxBufferSize: 1024 },
    });
  });

  it("asks again when the first answer is null: the GPU process may still be starting", async () => {
    const { scope: slow, asked } = scope([null, adapter()]);
    expect((await new Prober(slow).probe(false)).webgpu.available).toBe(true);
    expect(asked()).toBe(2);
  });

  it.each([
    ["insecure_context", scope([adapter()], { isSecureContext: false })],
    ["no_api", scope([], {}, { gpu: undefined })],
    ["no_adapter", scope([null, null])],
    ["no_adapter", scope([new Error("blocked")])],
    ["device_failed", scope([adapter({ requestDevice: () => Promise.reject(new Error("dead")) })])],
  ])("says %s", async (reason, { scope: where }) => {
    expect((await new Prober(where).probe(false)).webgpu).toMatchObject({ available: false, reason });
  });

  it("remembers, until it is asked to look again", async () => {
    const { scope: where, asked } = scope([adapter()]);
    const prober = new Prober(where);
    expect(await prober.probe(false)).toBe(await prober.probe(false));
    expect(asked()).toBe(1);
    await prober.probe(true);
    expect(asked()).toBe(2);
  });

  it("says null where the browser says nothing", async () => {
    const { scope: bare } = scope([null]);
    expect(await new Prober(bare).probe(false)).toMatchObject({
      storage: { usage: null, quota: null, persisted: null },
      memory_gb: null,
      cores: null,
      online: null,
      connection: { type: null, save_data: null },
      browser: { name: null, version: null },
      user_agent: "UA",
      wasm: { simd: true, threads: false },
    });
  });

  it("tells what the browser tells", async () => {
    const storage = { estimate: () => Promise.resolve({ usage: 1, quota: 2 }), persisted: () => Promise.resolve(true) };
    const connection = { effectiveType: "4g", saveData: true };
    const navigator = { storage, deviceMemory: 8, hardwareConcurrency: 4, onLine: true, connection };
    const facts = await new Prober(scope([null], { crossOriginIsolated: true }, navigator).scope).probe(false);
    expect(facts).toMatchObject({
      storage: { usage: 1, quota: 2, persisted: true },
      memory_gb: 8,
      cores: 4,
      online: true,
      connection: { type: "4g", save_data: true },
      wasm: { threads: true },
    });
  });

  it("does not fail where storage is refused", async () => {
    const storage = { estimate: () => Promise.reject(new Error("private")), persisted: () => Promise.resolve(false) };
    expect((await new Prober(scope([null], {}, { storage }).scope).probe(false)).storage.quota).toBeNull();
  });
});

describe("the browser's name", () => {
  it.each([
    ["Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome", "156.0.0.0"],
    ["Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.1", "Microsoft Edge", "156.0.1"],
    ["Mozilla/5.0 Gecko/20100101 Firefox/150.0", "Firefox", "150.0"],
    ["Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/26.1 Safari/605.1.15", "Safari", "26.1"],
    ["curl/8", null, null],
  ])("is read from %s", (userAgent, name, version) => {
    expect(readBrowser({ userAgent })).toEqual({ name, version });
  });

  it("is read from the brands where there are any", () => {
    const brands = [{ brand: "Not;A=Brand", version: "8" }, { brand: "Chromium", version: "156" }, { brand: "Microsoft Edge", version: "156" }];
    expect(readBrowser({ userAgent: "", userAgentData: { brands } })).toEqual({ name: "Microsoft Edge", version: "156" });
    expect(readBrowser({ userAgent: "", userAgentData: { brands: brands.slice(0, 2) } })).toEqual({ name: "Chromium", version: "156" });
  });
});
