import { describe, expect, it } from "vitest";
import { Prober, readBrowser, type ProbeScope } from "../../web/src/engine/probe.ts";
import { NOWHERE } from "./helpers.ts";

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

function prober(where: ProbeScope): Prober {
  return new Prober(where, { look: () => NOWHERE });
}

describe("the probe", () => {
  it("describes the adapter", async () => {
    const facts = await prober(scope([adapter()]).scope).probe(false);
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
    expect((await prober(slow).probe(false)).webgpu.available).toBe(true);
    expect(asked()).toBe(2);
  });

  it.each([
    ["insecure_context", scope([adapter()], { isSecureContext: false })],
    ["no_api", scope([], {}, { gpu: undefined })],
    ["no_adapter", scope([null, null])],
    ["no_adapter", scope([new Error("blocked")])],
    ["device_failed", scope([adapter({ requestDevice: () => Promise.reject(new Error("dead")) })])],
  ])("says %s", async (reason, { scope: where }) => {
    expect((await prober(where).probe(false)).webgpu).toMatchObject({ available: false, reason });
  });

  it("remembers, until it is asked to look again", async () => {
    const { scope: where, asked } = scope([adapter()]);
    const one = prober(where);
    await one.probe(false);
    await one.probe(false);
    expect(asked()).toBe(1);
    await one.probe(true);
    expect(asked()).toBe(2);
  });

  it("says null where the browser says nothing", async () => {
    const { scope: bare } = scope([null]);
    expect(await prober(bare).probe(false)).toMatchObject({
      storage: { usage: null, quota: null, persisted: null },
      memory_gb: null,
      cores: null,
      browser: { name: null, version: null },
      user_agent: "UA",
      wasm: { simd: true, threads: false },
    });
  });

  it("reports what the browser reports", async () => {
    const storage = { estimate: () => Promise.resolve({ usage: 1, quota: 2 }), persisted: () => Promise.resolve(true) };
    const navigator = { storage, deviceMemory: 8, hardwareConcurrency: 4 };
    const facts = await prober(scope([null], { crossOriginIsolated: true }, navigator).scope).probe(false);
    expect(facts).toMatchObject({
      storage: { usage: 1, quota: 2, persisted: true },
      memory_gb: 8,
      cores: 4,
      wasm: { threads: true },
    });
  });

  it("reads the environment anew every time, also when it remembers the rest", async () => {
    let online = true;
    const one = new Prober(scope([null]).scope, { look: () => ({ ...NOWHERE, online }) });
    expect((await one.probe(false)).online).toBe(true);
    online = false;
    expect(await one.probe(false)).toMatchObject({ online: false, battery: null });
  });

  it("does not fail where storage is refused", async () => {
    const storage = { estimate: () => Promise.reject(new Error("private")), persisted: () => Promise.resolve(false) };
    expect((await prober(scope([null], {}, { storage }).scope).probe(false)).storage.quota).toBeNull();
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
