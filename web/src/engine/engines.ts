/** The engines that come with browserllm; a new one is a new line here. */

import { dependencies } from "../../package.json";
import type { EngineEntry } from "./registry.ts";

export const engines: readonly EngineEntry[] = [
  {
    name: "webllm",
    version: dependencies["@mlc-ai/web-llm"],
    devices: ["webgpu"],
    capabilities: ["chat", "embed", "images", "logprobs", "structured_output"],
    import: async () => new (await import("./webllm/engine.ts")).WebLlmEngine(),
  },
  {
    name: "transformersjs",
    version: dependencies["@huggingface/transformers"],
    devices: ["webgpu", "wasm"],
    capabilities: ["chat", "embed", "images", "logprobs", "structured_output"],
    import: async () => new (await import("./transformersjs/engine.ts")).TransformersJsEngine(),
  },
  {
    name: "prompt-api",
    version: "",
    devices: ["browser"],
    capabilities: ["chat", "json_schema"],
    in_window: true,
    import: async (window) => new (await import("./promptapi/engine.ts")).PromptApiEngine(window.open("prompt-api")),
  },
];
