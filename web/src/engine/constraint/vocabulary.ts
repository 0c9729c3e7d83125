/** Reads a model's tokens from tokenizer.json, for XGrammar. */

import { PageError } from "../errors.ts";
import { isRecord } from "../fields.ts";
import type { Vocabulary } from "./messages.ts";

export interface TokenizerFacts {
  /** The whole of tokenizer.json. */
  readonly json: unknown;
  /** Every token with its id, including added tokens. */
  readonly tokens: Iterable<readonly [string, number]>;
  /** Tokens that are never shown. */
  readonly special: readonly number[];
}

/** `logits`: how many logits the network has, if known. */
export function readVocabulary({ json, tokens, special }: TokenizerFacts, stops: Iterable<number>, logits: number | null): Vocabulary {
  const kind = kindOf(json);
  const texts: string[] = [];
  for (const [text, id] of tokens) texts[id] = text;
  for (const { id, content, hidden } of addedTokens(json)) texts[id] = hidden ? "" : kind === "byte_level" ? byteLetters(content) : content;
  // Tokens that are never shown would leave a gap in the answer.
  for (const id of special) texts[id] = "";
  // Ids may have gaps, which are holes in an array.
  return {
    tokens: Array.from(texts, (text: string | undefined) => text ?? ""),
    kind,
    prependsSpace: prependsSpace(json),
    size: Math.max(logits ?? 0, texts.length),
    stops: [...stops],
  };
}

function kindOf(json: unknown): Vocabulary["kind"] {
  const decoders = stepsOf(json, "decoder");
  const types = decoders.map((step) => step["type"]);
  const bytes = [...types, ...stepsOf(json, "pre_tokenizer").map((step) => step["type"])];
  if (bytes.includes("ByteLevel")) return "byte_level";
  const other = ["WordPiece", "BPEDecoder", "CTC"].find((type) => types.includes(type));
  if (other !== undefined) {
    throw new PageError("unsupported", `a model whose tokens need a ${other} decoder cannot be constrained by a 'response_format'; leave it out, or choose another model`);
  }
  const lines = decoders.some((step) => isRecord(step["pattern"]) && step["pattern"]["String"] === "▁");
  return lines || types.includes("ByteFallback") || types.includes("Metaspace") ? "byte_fallback" : "raw";
}

function prependsSpace(json: unknown): boolean {
  if (stepsOf(json, "normalizer").some((step) => step["type"] === "Prepend")) return true;
  return stepsOf(json, "pre_tokenizer").some(
    (step) => step["type"] === "Metaspace" && step["prepend_scheme"] !== "never" && step["add_prefix_space"] !== false,
  );
}

/** A part of tokenizer.json as a flat list of its steps. */
function stepsOf(json: unknown, part: string): readonly Record<string, unknown>[] {
  const flatten = (step: unknown): Record<string, unknown>[] => {
    if (!isRecord(step)) return [];
    const inner = ["decoders", "pretokenizers", "normalizers"].flatMap((name) => (Array.isArray(step[name]) ? (step[name] as unknown[]) : []));
    return [step, ...inner.flatMap(flatten)];
  };
  return isRecord(json) ? flatten(json[part]) : [];
}

function addedTokens(json: unknown): readonly { id: number; content: string; hidden: boolean }[] {
  const added: unknown = isRecord(json) ? json["added_tokens"] : null;
  if (!Array.isArray(added)) return [];
  return added.flatMap((token: unknown) => {
    if (!isRecord(token)) return [];
    const { id, content, special } = token;
    return typeof id === "number" && typeof content === "string" ? [{ id, content, hidden: special === true }] : [];
  });
}

/** Spell an added token as the other tokens of a byte-level vocabulary, with one letter per byte. */
function byteLetters(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => LETTERS[byte] ?? "").join("");
}

/** GPT-2's letter for each byte: the character itself if it is visible, otherwise the next letter from code point 256 on. */
const LETTERS = ((): readonly string[] => {
  let unseen = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const seen = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(seen ? byte : 256 + unseen++);
  });
})();
