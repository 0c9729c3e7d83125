/** The real XGrammar in Node, and the pocket model's tokens for it. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Tokenizer } from "@huggingface/tokenizers";
import { Answerer } from "../../web/src/engine/constraint/answerer.ts";
import type { Answer, Vocabulary } from "../../web/src/engine/constraint/messages.ts";
import { readFormat } from "../../web/src/engine/constraint/format.ts";
import { loadXGrammar, type XGrammar } from "../../web/src/patches/xgrammar/library.ts";
import { readVocabulary } from "../../web/src/engine/constraint/vocabulary.ts";

/** Its file is written for CommonJS, where it runs in Node. */
export function load(hear: (complaint: string) => void = () => undefined): Promise<XGrammar> {
  const file = new URL(import.meta.url).pathname;
  Object.assign(globalThis, { require: createRequire(import.meta.url), __filename: file, __dirname: file });
  return loadXGrammar(hear);
}

export const POCKET_JSON: unknown = read("tokenizer.json");
export const pocket = new Tokenizer(POCKET_JSON as object, read("tokenizer_config.json") as object);
/** The pocket model's `<|im_end|>`. */
export const END = 2;

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../models/pocket/dist/${name}`, import.meta.url), "utf8"));
}

export function pocketVocabulary(logits: number | null = null): Vocabulary {
  return readVocabulary({ json: POCKET_JSON, tokens: pocket.get_vocab(), special: [0, 1, 2] }, [END], logits);
}

/** One answer with its constraint, as the worker follows it. */
export class ConstrainedAnswer {
  mask: Int32Array | null = null;
  readonly #answerer: Answerer;

  constructor(answerer: Answerer) {
    this.#answerer = answerer;
  }

  static async begin(answerer: Answerer, format: Record<string, unknown>, vocabulary: Vocabulary | null = null): Promise<ConstrainedAnswer> {
    const read = readFormat(format);
    if (read === null) throw new Error("this format is free text");
    const answer = new ConstrainedAnswer(answerer);
    answer.take(await answerer.answer({ type: "start", format: read, vocabulary }));
    return answer;
  }

  take(answer: Answer | null): void {
    if (answer?.type !== "mask") throw new Error(JSON.stringify(answer));
    this.mask = answer.mask;
  }

  async accept(token: number): Promise<void> {
    this.take(await this.#answerer.answer({ type: "accept", token }));
  }

  allows(token: number): boolean {
    return ((this.mask?.[token >> 5] ?? 0) & (1 << (token & 31))) !== 0;
  }

  allowed(size: number): number[] {
    return Array.from({ length: size }, (_, token) => token).filter((token) => this.allows(token));
  }
}

export function json(schema: unknown): Record<string, unknown> {
  return { type: "json_schema", json_schema: { name: "x", schema } };
}
