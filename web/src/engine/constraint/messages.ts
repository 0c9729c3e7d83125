/** The messages between the engine and its constraint worker. Each `start` and each `accept` gets one answer, in order. */

import type { Format } from "./format.ts";

/** The facts about a model's tokens that XGrammar needs. */
export interface Vocabulary {
  /** The tokens as the tokenizer writes them, by id; "" for one that a constrained text must not contain. */
  readonly tokens: readonly string[];
  /** How the tokens spell bytes: with GPT-2's letters, with `<0x0A>` and `▁`, or directly. */
  readonly kind: "byte_level" | "byte_fallback" | "raw";
  readonly prependsSpace: boolean;
  /** How many logits the network has: at least one per token. */
  readonly size: number;
  /** The tokens that end an answer. */
  readonly stops: readonly number[];
}

export type Ask =
  /** Begin an answer. Only the first message has the vocabulary. */
  | { readonly type: "start"; readonly format: Format; readonly vocabulary: Vocabulary | null }
  /** Continue the answer with this token. */
  | { readonly type: "accept"; readonly token: number }
  /** The answer is over. */
  | { readonly type: "end" };

/** What the constraint worker tells besides its answers: the addresses of the files that it has fetched. */
export interface Told {
  readonly type: "used";
  readonly urls: readonly string[];
}

export type Answer =
  /** Which tokens are allowed next, one bit each; null after a token that ended the answer. */
  | { readonly type: "mask"; readonly mask: Int32Array<ArrayBuffer> | null }
  /** The format cannot be compiled. This instance of XGrammar must not be used again. */
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "failed"; readonly reason: string };
