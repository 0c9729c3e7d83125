/** What the engine and its constraint worker say to each other: each `start` and each `accept` gets one answer, in order. */

import type { Format } from "./format.ts";

/** What XGrammar has to know of a model's tokens. */
export interface Vocabulary {
  /** The tokens as the tokenizer writes them, by id; "" for one that a constrained text must not contain. */
  readonly tokens: readonly string[];
  /** How bytes are written in them: GPT-2's letters, `<0x0A>` and `▁`, or as they are. */
  readonly kind: "byte_level" | "byte_fallback" | "raw";
  readonly prependsSpace: boolean;
  /** How many logits the network gives: as many as there are tokens, or more. */
  readonly size: number;
  /** The tokens that end an answer. */
  readonly stops: readonly number[];
}

export type Ask =
  /** Begin an answer. The vocabulary comes with the first. */
  | { readonly type: "start"; readonly format: Format; readonly vocabulary: Vocabulary | null }
  /** The answer goes on with this token. */
  | { readonly type: "accept"; readonly token: number }
  /** The answer is over. */
  | { readonly type: "end" };

export type Answer =
  /** Which tokens may come next, a bit for each; null after a token that ended the answer. */
  | { readonly type: "mask"; readonly mask: Int32Array<ArrayBuffer> | null }
  /** The format cannot be compiled. This instance of XGrammar must not be used again. */
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "failed"; readonly reason: string };
