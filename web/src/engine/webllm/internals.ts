/**
 * What WebLLM keeps to itself: the context window, the tokenizer, the chat template, how many tokens the KV cache holds,
 * and the moment between two pieces of a long prompt. Read where they lie in 0.2.86, which is pinned; whatever is not
 * where it should be reads as null.
 */

import { isRecord } from "../fields.ts";
import { literalTemplate } from "./template.ts";

export interface Internals {
  readonly contextWindow: number | null;
  /** The conversation template of mlc-chat-config.json. */
  readonly template: Readonly<Record<string, unknown>> | null;
  /** Have texts go into the conversation template as they are, whatever JavaScript's replace() would read in them. */
  takeTextsLiterally(): void;
  countTokens(text: string): number | null;
  /** Tokens in the KV cache now. */
  filled(): number | null;
  /** Forward passes of one token in the last answer. */
  decoded(): number | null;
  /**
   * Have `between` awaited before every piece of a prompt but the first, with the GPU idle; what it throws ends the
   * chat. Without it a long prompt is handed to the GPU whole, and a stop would wait for all of it.
   */
  betweenPieces(between: () => void): void;
  /** A new prompt begins: the next piece is its first. */
  newPrompt(): void;
}

/** Of web-llm's MLCEngine, with the model loaded. */
export function readInternals(engine: object, model: string): Internals {
  const pipeline = lookUp(engine, "loadedModelIdToPipeline", model);
  const config = lookUp(engine, "loadedModelIdToChatConfig", model);
  const tokenizer = field(pipeline, "tokenizer");
  const template = field(config, "conv_template");
  const patch = field(config, "conv_config");
  const sliding = asNumber(field(pipeline, "slidingWindowSize"));
  let pieces = 0;
  const window = asNumber(field(pipeline, "contextWindowSize"));
  return {
    contextWindow: sliding !== null && sliding > 0 ? null : window,
    template: isRecord(template) ? { ...template, ...(isRecord(patch) ? patch : {}) } : null,
    takeTextsLiterally: () => {
      if (!isRecord(config)) return;
      for (const [name, part] of Object.entries({ conv_template: template, conv_config: patch })) {
        if (isRecord(part)) Reflect.set(config, name, literalTemplate(part));
      }
    },
    countTokens: (text) => {
      const encoded = call(tokenizer, "encode", text);
      return encoded instanceof Int32Array || Array.isArray(encoded) ? encoded.length : null;
    },
    filled: () => asNumber(field(pipeline, "filledKVCacheLength")),
    decoded: () => asNumber(field(pipeline, "curRoundDecodingTotalTokens")),
    newPrompt: () => { pieces = 0; },
    betweenPieces: (between) => {
      const forward = field(pipeline, "embedAndForward");
      if (typeof forward !== "function" || typeof pipeline !== "object" || pipeline === null) return;
      const watched = async (...args: readonly unknown[]): Promise<unknown> => {
        const length = asNumber(args[1]) ?? 1; // one token is decoding, which stops by itself
        if (length > 1) {
          pieces += 1;
          if (pieces > 1) {
            await call(pipeline, "sync", undefined);
            between();
          }
        }
        return Reflect.apply(forward, pipeline, args) as unknown;
      };
      Reflect.set(pipeline, "embedAndForward", watched);
    },
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
