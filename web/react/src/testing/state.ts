/** The state that a scripted app begins with: a device with WebGPU, the built-in model loaded, two models to download. */

import { EMPTY_STATE, type AppState, type Model } from "../state.ts";
import { make } from "./make.ts";

const GB = 1e9;

function model(id: string, name: string, size: number, more: Partial<Model> = {}): Model {
  const build = make("Build", { id: `${id}-webllm`, engine: "webllm", device: "webgpu", downloadBytes: size, memoryBytes: size * 1.3 });
  return make("Model", {
    id,
    name,
    downloadBytes: size,
    memoryBytes: size * 1.3,
    contextWindow: 4096,
    quantization: "q4f16",
    license: "apache-2.0",
    builds: [build],
    ...more,
  });
}

export function sampleState(): AppState {
  const models = [
    model("pocket", "Pocket", 0.001 * GB, { bundled: true, downloaded: true, storedBytes: 0.001 * GB }),
    model("small", "Small 0.6B", 0.4 * GB, { tier: "quick", parameters: 0.6e9, family: "Small" }),
    model("large", "Large 4B", 2.3 * GB, { tier: "smart", parameters: 4e9, family: "Large", fit: "tight", reasons: ["It may be slow here."] }),
  ];
  return {
    ...EMPTY_STATE,
    status: "ready",
    version: "0.1.0",
    device: make("Device", { browser: "Chrome", browserVersion: "146", gpu: make("GPU", { name: "Scripted GPU" }), memoryGb: 8, cores: 8, threads: true }),
    engines: [make("Engine", { name: "webllm", label: "WebLLM", available: true })],
    models: Object.fromEntries(models.map((each) => [each.id, each])),
    loaded: [make("Loaded", { model: "pocket", engine: "webllm", device: "webgpu", contextWindow: 4096 })],
    storage: make("StorageInfo", { usedBytes: 0.01 * GB, quotaBytes: 10 * GB, modelsBytes: 0.001 * GB, persisted: false }),
  };
}
