/** The engines that come with browserllm; a new one is a new line here. */

import { dependencies } from "../../package.json";
import { honoured } from "./options.ts";
import type { EngineEntry } from "./registry.ts";

export const engines: readonly EngineEntry[] = [
  {
    name: "webllm",
    version: dependencies["@mlc-ai/web-llm"],
    devices: ["webgpu"],
    capabilities: ["chat", "embed", "images", "logprobs", "structured_output"],
    options: {
      ...honoured("max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty"),
      ...honoured("logit_bias", "logprobs", "response_format", "thinking"),
      top_logprobs: 5,
    },
    import: async () => new (await import("./webllm/engine.ts")).WebLlmEngine(),
  },
  {
    name: "transformersjs",
    version: dependencies["@huggingface/transformers"],
    devices: ["webgpu", "wasm"],
    capabilities: ["chat", "embed", "images", "interleaved_images", "logprobs", "structured_output"],
    options: {
      ...honoured("max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "frequency_penalty", "presence_penalty"),
      ...honoured("logit_bias", "logprobs", "top_logprobs", "response_format", "thinking"),
    },
    import: async () => new (await import("./transformersjs/engine.ts")).TransformersJsEngine(),
  },
  {
    name: "prompt-api",
    version: "",
    devices: ["browser"],
    capabilities: ["chat", "json_schema"],
    options: honoured("max_tokens", "temperature", "top_k", "stop", "response_format"),
    in_window: true,
    import: async (window) => new (await import("./promptapi/engine.ts")).PromptApiEngine(window.open("prompt-api")),
  },
];
