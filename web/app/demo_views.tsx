/** The views beside the chat with a made-up device: demo_views.html?scene=plain|downloading|problem|offline|start|first#/models. */

import { type AppState, BrowserLLMError, BrowserLLMProvider } from "@browserllm/react";
import { createRoot } from "react-dom/client";
import { make, sampleState, scriptedClient } from "../react/src/testing.ts";
import { App } from "./app.tsx";
import { demoModels } from "./demo_models.ts";
import { LANGUAGES } from "./strings/index.ts";

const query = new URLSearchParams(location.search);
const scene = query.get("scene") ?? "plain";
const now = Date.now();
const GB = 1e9;

const problem = make("ErrorInfo", {
  code: "unavailable",
  title: "This browser has no WebGPU",
  message: "Chrome 149 offers no WebGPU here. Small models still run on the CPU.",
  remedy: "Open chrome://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and restart the browser (in Edge: edge://flags).",
  actions: ["reload"],
  data: { reason: "no_api" },
});

const downloads: AppState["downloads"] = {
  "qwen3-4b": make("Download", { model: "qwen3-4b", state: "running", receivedBytes: 0.97 * GB, totalBytes: 2.3 * GB, bytesPerS: 11.4e6, leftS: 117 }),
  "phi-4": make("Download", { model: "phi-4", state: "paused", receivedBytes: 0.4 * GB, totalBytes: 2.1 * GB }),
  "gemma-3-1b": make("Download", {
    model: "gemma-3-1b",
    state: "failed",
    receivedBytes: 0.2 * GB,
    totalBytes: 0.6 * GB,
    error: make("ErrorInfo", { code: "download_interrupted", title: "The download was interrupted", message: "the server closed the connection after 200 MB of 600 MB", remedy: "Check the connection and try again; what has arrived is kept.", actions: ["retry"] }),
  }),
};

function state(): AppState {
  const base = sampleState();
  const models = demoModels(now);
  const stored = Object.values(models)
    .filter((model) => model.storedBytes > 0)
    .map((model) => make("StoredModelInfo", { model: model.id, key: model.id, sizeBytes: model.storedBytes, complete: true, lastUsedAt: model.lastUsedAt }));
  const modelsBytes = stored.reduce((sum, one) => sum + one.sizeBytes, 0);
  const settings = {
    ...base.settings,
    introduced: scene !== "first",
    language: LANGUAGES.find(([code]) => code === query.get("language"))?.[0] ?? "en",
    theme: (query.get("theme") ?? "system") as "light" | "dark" | "system",
    neverLeaveDevice: scene !== "clouds",
    presets: [make("Preset", { id: "p1", name: "Short answers", settings: make("ConversationSettings", { system: "Answer in one sentence. Leave out pleasantries.", temperature: 0.3, maxTokens: 120 }) })],
  };
  const answer = make("AnswerInfo", { where: "local", backend: "local", model: "qwen3-1.7b", engine: "webllm", device: "webgpu", completionTokens: 143, promptTokens: 21, tokensPerS: 41.7, firstTokenMs: 312, durationMs: 3740 });
  const samples = Array.from({ length: 14 }, (_, index) =>
    make("Sample", { at: now - (14 - index) * 60_000, model: index < 8 ? "qwen3-1.7b" : "qwen3-0.6b", tokensPerS: (index < 8 ? 38 : 71) + 6 * Math.sin(index * 1.7), memoryBytes: (index < 8 ? 1.35 : 0.48) * GB }),
  );
  const looked: AppState = {
    ...base,
    models,
    settings,
    samples,
    totals: make("Totals", { answers: 14, tokens: 2210, tokensPerS: 52.3, answerMs: 4100 }),
    engines: [
      make("Engine", { name: "webllm", label: "WebLLM", available: true }),
      make("Engine", { name: "transformersjs", label: "Transformers.js", available: true }),
      make("Engine", { name: "prompt-api", label: "The browser's own model", available: false, reason: "this browser has no model of its own" }),
    ],
    loaded: [make("Loaded", { model: "qwen3-1.7b", engine: "webllm", device: "webgpu", contextWindow: 4096, expiresAt: now + 600_000 })],
    storage: make("StorageInfo", { usedBytes: modelsBytes + 0.21 * GB, quotaBytes: 12 * GB, modelsBytes, reclaimableBytes: 0.2 * GB, persisted: false, models: stored }),
    clouds: {
      c1: make("Cloud", { id: "c1", vendor: "openai", model: "gpt-5-mini", label: "OpenAI gpt-5-mini", key: "device" }),
      c2: make("Cloud", { id: "c2", vendor: "ollama", model: "qwen3:32b", label: "The machine in the cellar", baseUrl: "http://192.168.0.12:11434", enabled: false }),
    },
    compare: make("Comparison", {
      prompt: "Explain in two sentences why the sky is blue.",
      runs: [
        make("CompareRun", { model: "qwen3-1.7b", engine: "webllm", device: "webgpu", status: "done", text: "Sunlight is scattered by the **molecules of the air**, and short wavelengths far more than long ones.\n\nSo blue light reaches the eye from every direction.", answer }),
        make("CompareRun", { model: "qwen3-0.6b", engine: "transformersjs", device: "wasm", status: "streaming", text: "The sky is blue because" }),
      ],
    }),
  };
  if (scene === "downloading") return { ...looked, downloads, loading: make("Loading", { model: "qwen3-0.6b", phase: "loading", fraction: 0.6, text: "Loading the weights onto the GPU" }) };
  if (scene === "problem") return { ...looked, loaded: [], clouds: {}, device: make("Device", { ...base.device, browser: "Chrome", browserVersion: "149", gpu: null, problem }), engines: looked.engines.map((engine) => ({ ...engine, available: false, reason: engine.reason ?? "WebGPU is not available" })) };
  if (scene === "offline" && looked.device) return { ...looked, device: { ...looked.device, online: false, problem: null } };
  if (scene === "first") return { ...looked, models: { ...models, "qwen3-0.6b": { ...models["qwen3-0.6b"], downloaded: false, storedBytes: 0 } as (typeof models)[string] }, samples: [], loaded: [], clouds: {}, compare: base.compare, storage: make("StorageInfo", { usedBytes: 0.043 * GB, quotaBytes: 12 * GB, persisted: false }) };
  return looked;
}

const client = scriptedClient({ state: state(), pace: { downloadMs: 20_000, loadMs: 4000 }, on: { "models.estimate": ({ model }) => (model === "phi-4" ? null : (client.app.state.models[model]?.downloadBytes ?? 0) / 9e6) } });
setInterval(() => void client.app.advance(16), 16);

const refused = (): Promise<never> => Promise.reject(new BrowserLLMError(make("ErrorInfo", { code: "connect_failed", title: "The app did not start", message: "pyodide.asm.wasm could not be fetched: HTTP 503", actions: ["retry", "reload"] })));
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <BrowserLLMProvider {...(scene === "start" ? { connect: refused } : { client })}>
      <App />
    </BrowserLLMProvider>,
  );
}
