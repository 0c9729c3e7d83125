/** What config.json and generation_config.json of a model say, read with care: a folder's files may contain anything. */

import { isRecord } from "../fields.ts";
import type { SamplerDefaults } from "./sampler.ts";

/** The longest text the model takes, in tokens; null when its configuration does not say. */
export function contextWindow(config: unknown): number | null {
  return positive(config, ["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"]);
}

/** How many logits the network gives: often more than there are tokens; null when its configuration does not say. */
export function logitCount(config: unknown): number | null {
  return positive(config, ["vocab_size"]);
}

function positive(config: unknown, names: readonly string[]): number | null {
  for (const place of [config, isRecord(config) ? config["text_config"] : null]) {
    if (!isRecord(place)) continue;
    for (const name of names) {
      const value = place[name];
      if (typeof value === "number" && value > 0) return value;
    }
  }
  return null;
}

/** The tokens that end an answer, from wherever they are declared. */
export function endTokens(...sources: readonly unknown[]): ReadonlySet<number> {
  const ids = sources.flatMap((source) => (isRecord(source) ? source["eos_token_id"] : source));
  return new Set(ids.flat().filter((id) => typeof id === "number"));
}

/** The model's own sampling; without one it is greedy, as in the library. */
export function samplerDefaults(generation: unknown): SamplerDefaults {
  const read = (name: string): number | null => {
    const value = isRecord(generation) ? generation[name] : null;
    return typeof value === "number" ? value : null;
  };
  const samples = isRecord(generation) && generation["do_sample"] === true;
  return {
    temperature: samples ? (read("temperature") ?? 1) : 0,
    top_p: samples ? (read("top_p") ?? 1) : 1,
    top_k: samples ? (read("top_k") ?? 50) : 0,
    repetition_penalty: read("repetition_penalty") ?? 1,
  };
}

export type ModelKind = "chat" | "embedding" | "vision";

/** The vision models that this engine runs: their images become tokens in AutoProcessor's Idefics3Processor. */
const VISION_TYPES: readonly unknown[] = ["idefics3", "smolvlm"];

/** What a model is for, as far as its configuration says: a network without a head for text makes vectors. */
export function kindOf(config: unknown): ModelKind {
  if (!isRecord(config)) return "chat";
  if (VISION_TYPES.includes(config["model_type"])) return "vision";
  const architecture: unknown = Array.isArray(config["architectures"]) ? config["architectures"][0] : null;
  return typeof architecture === "string" && /(?<!LMHead)Model$/.test(architecture) ? "embedding" : "chat";
}

export const POOLINGS = ["mean", "cls", "last"] as const;
export type Pooling = (typeof POOLINGS)[number];

/** How 1_Pooling/config.json of a sentence-transformers folder makes one vector of all tokens'; null when it does not say. */
export function poolingOf(config: unknown): Pooling | null {
  if (!isRecord(config)) return null;
  if (config["pooling_mode_mean_tokens"] === true) return "mean";
  if (config["pooling_mode_cls_token"] === true) return "cls";
  return config["pooling_mode_lasttoken"] === true ? "last" : null;
}

/** Whether modules.json of such a folder ends with a step that makes vectors of length 1. */
export function normalizes(modules: unknown): boolean {
  return Array.isArray(modules) && modules.some((module: unknown) => isRecord(module) && /\.Normalize$/.test(String(module["type"])));
}
