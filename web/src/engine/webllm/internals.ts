/**
 * Four facts that WebLLM keeps to itself: the context window, the tokenizer, the chat template, and how many tokens the
 * KV cache holds. Read where they lie in 0.2.86, which is pinned; whatever is not where it should be reads as null.
 */

import type { MLCEngine } from "@mlc-ai/web-llm";
import { isRecord } from "../fields.ts";

export interface Internals {
  readonly contextWindow: number | null;
  /** The conversation template of mlc-chat-config.json. */
  readonly template: Readonly<Record<string, unknown>> | null;
  countTokens(text: string): number | null;
  /** Tokens in the KV cache now. */
  filled(): number | null;
  /** Forward passes of one token in the last answer. */
  decoded(): number | null;
}

export function readInternals(engine: MLCEngine, model: string): Internals {
  const pipeline = lookUp(engine, "loadedModelIdToPipeline", model);
  const config = lookUp(engine, "loadedModelIdToChatConfig", model);
  const tokenizer = field(pipeline, "tokenizer");
  const template = field(config, "conv_template");
  const patch = field(config, "conv_config");
  const sliding = asNumber(field(pipeline, "slidingWindowSize"));
  const window = asNumber(field(pipeline, "contextWindowSize"));
  return {
    contextWindow: sliding !== null && sliding > 0 ? null : window,
    template: isRecord(template) ? { ...template, ...(isRecord(patch) ? patch : {}) } : null,
    countTokens: (text) => {
      const encoded = call(tokenizer, "encode", text);
      return encoded instanceof Int32Array || Array.isArray(encoded) ? encoded.length : null;
    },
    filled: () => asNumber(field(pipeline, "filledKVCacheLength")),
    decoded: () => asNumber(field(pipeline, "curRoundDecodingTotalTokens")),
  };
}

function lookUp(owner: object, map: string, key: string): unknown {
  const value = field(owner, map);
  return value instanceof Map ? value.get(key) : null;
}

function field(owner: unknown, name: string): unknown {
  return typeof owner === "object" && owner !== null ? (Reflect.get(owner, name) as unknown) : null;
}

function call(owner: unknown, name: string, argument: unknown): unknown {
  const method = field(owner, name);
  return typeof method === "function" ? (Reflect.apply(method, owner, [argument]) as unknown) : null;
}

function asNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
