/** A catalog as a laptop with a graphics processor would see it, for the demo pages. */

import type { Build, Model } from "@browserllm/react";
import { make } from "../react/src/testing.ts";

const GB = 1e9;
const DAY = 86_400_000;

function builds(id: string, gb: number, engines: readonly (readonly [engine: string, device: string, quantization: string, factor: number])[]): Build[] {
  return engines.map(([engine, device, quantization, factor]) =>
    make("Build", { id: `${id}/${engine}/${quantization}/${device}`, engine, device, quantization, downloadBytes: gb * GB * factor, memoryBytes: gb * GB * factor * 1.35 }),
  );
}

const BOTH = [
  ["webllm", "webgpu", "q4f16_1", 1],
  ["webllm", "webgpu", "q4f32_1", 1],
  ["transformersjs", "webgpu", "q4f16", 1.2],
  ["transformersjs", "wasm", "q8", 1.6],
] as const;

function model(id: string, name: string, gb: number, parameters: number, more: Partial<Model> = {}): Model {
  const all = builds(id, gb, BOTH);
  return make("Model", {
    id,
    name,
    family: name.split(" ")[0] ?? "",
    parameters,
    quantization: "q4f16_1",
    downloadBytes: gb * GB,
    memoryBytes: gb * GB * 1.35,
    contextWindow: 32_768,
    license: "Apache-2.0",
    licenseUrl: "https://www.apache.org/licenses/LICENSE-2.0",
    purposes: ["chat", "multilingual"],
    builds: all,
    ...more,
  });
}

/** The models by their ids. */
export function demoModels(now: number): Record<string, Model> {
  const here = (gb: number, days: number): Partial<Model> => ({ downloaded: true, storedBytes: gb * GB, lastUsedAt: now - days * DAY });
  const heavy = "it needs about 9.1 GB of graphics memory, and this device has about 6 GB";
  const all = [
    model("pocket", "Pocket", 0.003, 2.8e6, { bundled: true, downloaded: true, quantization: null, downloadBytes: null, contextWindow: 512, purposes: ["chat", "low-end"] }),
    model("qwen3-0.6b", "Qwen3 0.6B", 0.35, 0.6e9, { tier: "quick", thinking: true, tools: true, ...here(0.35, 9) }),
    model("qwen3-4b", "Qwen3 4B", 2.3, 4e9, { tier: "smart", thinking: true, tools: true, purposes: ["chat", "code", "math", "multilingual"] }),
    model("qwen3-8b", "Qwen3 8B", 4.6, 8.2e9, { tier: "genius", thinking: true, tools: true, fit: "tight", reasons: ["this device computes about 6 tokens/s with it, slower than most people read"], purposes: ["chat", "code", "math", "multilingual"] }),
    model("qwen3-1.7b", "Qwen3 1.7B", 1, 1.7e9, { thinking: true, tools: true, ...here(1, 1) }),
    model("llama-3.2-3b", "Llama 3.2 3B Instruct", 1.8, 3.2e9, { license: "Llama 3.2 Community License", licenseUrl: "https://www.llama.com/llama3_2/license/", tools: true }),
    model("gemma-3-1b", "Gemma 3 1B", 0.6, 1e9, { license: "Gemma Terms of Use", licenseUrl: "https://ai.google.dev/gemma/terms" }),
    model("smolvlm", "SmolVLM 256M Instruct", 0.25, 0.26e9, { vision: true, purposes: ["chat", "vision"] }),
    model("phi-4", "Phi 4 Mini", 2.1, 3.8e9, { license: "MIT", purposes: ["chat", "code", "math"] }),
    model("minilm", "MiniLM L6", 0.023, 0.02e9, { type: "embedding", purposes: ["embedding"] }),
    model("llama-3.1-8b", "Llama 3.1 8B Instruct", 4.5, 8e9, { fit: "no", reasons: [heavy], license: "Llama 3.1 Community License" }),
    model("mine", "my-finetune", 0.5, 0.5e9, { custom: true, license: null, licenseUrl: null, ...here(0.5, 30), lastUsedAt: null }),
  ];
  const unfit = all.map((one) => (one.fit === "no" ? { ...one, builds: one.builds.map((build) => ({ ...build, fits: false, reason: heavy })) } : one));
  const marked = unfit.map((one) => (one.downloaded ? { ...one, builds: one.builds.map((build, index) => ({ ...build, downloaded: index === 0 })) } : one));
  return Object.fromEntries(marked.map((one) => [one.id, one]));
}
