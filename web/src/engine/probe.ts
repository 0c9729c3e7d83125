/** The facts of this device, as far as the browser reports them (op `probe`). A value that it does not report is null. */

import type { Environment, EnvironmentWatch } from "./environment.ts";

export interface DeviceFacts extends Environment {
  readonly webgpu: WebGpuFacts;
  readonly wasm: { readonly simd: boolean; readonly threads: boolean };
  readonly storage: { readonly usage: number | null; readonly quota: number | null; readonly persisted: boolean | null };
  readonly memory_gb: number | null;
  readonly cores: number | null;
  readonly browser: { readonly name: string | null; readonly version: string | null };
  readonly user_agent: string;
  readonly cross_origin_isolated: boolean;
  readonly secure_context: boolean;
}

export interface WebGpuFacts {
  readonly available: boolean;
  readonly reason: "insecure_context" | "no_api" | "no_adapter" | "device_failed" | null;
  readonly adapter: {
    readonly vendor: string | null;
    readonly architecture: string | null;
    readonly device: string | null;
    readonly description: string | null;
    readonly fallback: boolean | null;
  } | null;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** What of a worker's global scope is looked at; some of it only in some browsers. */
export interface ProbeScope {
  readonly isSecureContext: boolean;
  readonly crossOriginIsolated: boolean;
  readonly navigator: {
    readonly userAgent: string;
    readonly gpu?: Pick<GPU, "requestAdapter"> | undefined;
    readonly storage?: Pick<StorageManager, "estimate" | "persisted"> | undefined;
    readonly deviceMemory?: number | undefined;
    readonly hardwareConcurrency?: number | undefined;
    readonly userAgentData?: { readonly brands: readonly { readonly brand: string; readonly version: string }[] } | undefined;
  };
}

export class Prober {
  readonly #scope: ProbeScope;
  readonly #environment: Pick<EnvironmentWatch, "look">;
  #facts: Promise<FixedFacts> | null = null;

  constructor(scope: ProbeScope, environment: Pick<EnvironmentWatch, "look">) {
    this.#scope = scope;
    this.#environment = environment;
  }

  /** The facts; kept after the first time, until a refresh. The environment is always read anew. */
  async probe(refresh: boolean): Promise<DeviceFacts> {
    if (refresh) this.#facts = null;
    this.#facts ??= probe(this.#scope);
    return { ...(await this.#facts), ...this.#environment.look() };
  }
}

type FixedFacts = Omit<DeviceFacts, keyof Environment>;

async function probe(scope: ProbeScope): Promise<FixedFacts> {
  const { navigator } = scope;
  const [webgpu, storage] = await Promise.all([probeWebGpu(scope), probeStorage(navigator.storage)]);
  return {
    webgpu,
    wasm: { simd: WebAssembly.validate(SIMD_MODULE), threads: scope.crossOriginIsolated },
    storage,
    memory_gb: navigator.deviceMemory ?? null,
    cores: navigator.hardwareConcurrency ?? null,
    browser: readBrowser(navigator),
    user_agent: navigator.userAgent,
    cross_origin_isolated: scope.crossOriginIsolated,
    secure_context: scope.isSecureContext,
  };
}

export async function probeWebGpu(scope: Pick<ProbeScope, "isSecureContext" | "navigator">): Promise<WebGpuFacts> {
  const without = (reason: WebGpuFacts["reason"]): WebGpuFacts => {
    return { available: false, reason, adapter: null, features: [], limits: {} };
  };
  if (!scope.isSecureContext) return without("insecure_context");
  const gpu = scope.navigator.gpu;
  if (gpu === undefined) return without("no_api");
  const adapter = await requestAdapter(gpu);
  if (adapter === null) return without("no_adapter");
  const facts = {
    adapter: readAdapter(adapter.info),
    features: [...adapter.features].sort(),
    limits: readLimits(adapter.limits),
  };
  try {
    const device = await adapter.requestDevice();
    device.destroy();
    return { available: true, reason: null, ...facts };
  } catch {
    // An adapter without a device is how a browser says that the driver is blocked or the GPU process keeps dying.
    return { available: false, reason: "device_failed", ...facts };
  }
}

/** The adapter, asked for twice: the first answer may be null only because the GPU process is still starting. */
export async function requestAdapter(gpu: Pick<GPU, "requestAdapter">): Promise<GPUAdapter | null> {
  const ask = async (): Promise<GPUAdapter | null> => {
    try {
      return await gpu.requestAdapter({ powerPreference: "high-performance" });
    } catch {
      return null; // a browser that throws here has no adapter to offer either
    }
  };
  return (await ask()) ?? (await ask());
}

function readAdapter(info: Partial<GPUAdapterInfo> & { readonly isFallbackAdapter?: boolean }): WebGpuFacts["adapter"] {
  const known = (value: string | undefined): string | null => (value === undefined || value === "" ? null : value);
  return {
    vendor: known(info.vendor),
    architecture: known(info.architecture),
    device: known(info.device),
    description: known(info.description),
    fallback: info.isFallbackAdapter ?? null,
  };
}

function readLimits(limits: GPUSupportedLimits): Record<string, number> {
  const found: Record<string, number> = {};
  // The limits are getters on the prototype, so they are listed by `in`, not by Object.keys.
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") found[name] = value;
  }
  return found;
}

async function probeStorage(storage: ProbeScope["navigator"]["storage"]): Promise<DeviceFacts["storage"]> {
  const unknown = { usage: null, quota: null, persisted: null };
  if (storage === undefined) return unknown;
  try {
    const [{ usage, quota }, persisted] = await Promise.all([storage.estimate(), storage.persisted()]);
    return { usage: usage ?? null, quota: quota ?? null, persisted };
  } catch {
    return unknown; // some browsers refuse in private windows
  }
}

export function readBrowser(navigator: Pick<ProbeScope["navigator"], "userAgent" | "userAgentData">): DeviceFacts["browser"] {
  // Brands contain made-up names ("Not A;Brand") and "Chromium" beside the product's own.
  const brands = (navigator.userAgentData?.brands ?? []).filter(({ brand }) => !/not.*brand/i.test(brand));
  const brand = brands.find(({ brand: name }) => name !== "Chromium") ?? brands[0];
  if (brand !== undefined) return { name: brand.brand, version: brand.version };
  const patterns: readonly (readonly [string, RegExp])[] = [
    ["Microsoft Edge", /\bEdg(?:A|iOS)?\/([\d.]+)/],
    ["Firefox", /\b(?:Firefox|FxiOS)\/([\d.]+)/],
    ["Chrome", /\b(?:HeadlessChrome|Chrome|CriOS)\/([\d.]+)/],
    ["Safari", /\bVersion\/([\d.]+).*\bSafari\//],
  ];
  for (const [name, pattern] of patterns) {
    const version = pattern.exec(navigator.userAgent)?.[1];
    if (version !== undefined) return { name, version };
  }
  return { name: null, version: null };
}

/** The smallest module with a SIMD instruction: (func (result v128) i32.const 0 i8x16.splat). */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
]);
