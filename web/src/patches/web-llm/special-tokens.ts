/**
 * What: reads the special tokens that an embedding model expects before and after a text ([CLS] and [SEP] of a BERT).
 * Why: WebLLM 0.2.86 tokenizes without them, and the vectors are then not the model's.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/web_llm.test.ts.
 */

import { isRecord } from "../../engine/fields.ts";

export interface SpecialTokens {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const NOTHING: SpecialTokens = { before: [], after: [] };

/** The tokens that the `post_processor` of a tokenizer.json adds to a text. */
export function readSpecialTokens(tokenizer: unknown): SpecialTokens {
  const processor = isRecord(tokenizer) ? tokenizer["post_processor"] : null;
  if (!isRecord(processor)) return NOTHING;
  if (processor["type"] === "TemplateProcessing" && Array.isArray(processor["single"])) return readTemplate(processor["single"], processor["special_tokens"]);
  // BertProcessing and RobertaProcessing: ["[CLS]", 101].
  const id = (value: unknown): number[] => (Array.isArray(value) && typeof value[1] === "number" ? [value[1]] : []);
  return { before: id(processor["cls"]), after: id(processor["sep"]) };
}

function readTemplate(single: readonly unknown[], specials: unknown): SpecialTokens {
  const text = single.findIndex((piece) => isRecord(piece) && "Sequence" in piece);
  const ids = (pieces: readonly unknown[]): number[] =>
    pieces.flatMap((piece) => {
      const token = isRecord(piece) && isRecord(piece["SpecialToken"]) ? piece["SpecialToken"]["id"] : null;
      const found = isRecord(specials) && typeof token === "string" ? specials[token] : null;
      const values: readonly unknown[] = isRecord(found) && Array.isArray(found["ids"]) ? found["ids"] : [];
      return values.filter((value) => typeof value === "number");
    });
  return text < 0 ? NOTHING : { before: ids(single.slice(0, text)), after: ids(single.slice(text + 1)) };
}

/** The same for a model's folder; WebLLM has just read that file, and usually keeps it. */
export async function fetchSpecialTokens(folder: string, signal: AbortSignal): Promise<SpecialTokens> {
  const url = new URL("tokenizer.json", folder).href;
  const kept = await caches.match(url, { cacheName: "webllm/model", ignoreVary: true });
  const response = kept ?? (await fetch(url, { signal }));
  return response.ok ? readSpecialTokens(await response.json()) : NOTHING;
}
