/**
 * What: reads private fields of Transformers.js 4.3.1: the whole of tokenizer.json, and of a vision model's processor the
 * token that stands for an image, its own chat template, and how large an image may be.
 * Why: the public API gives the tokens but not how their bytes are written (which XGrammar must know), and hides what the
 * processor does with an image inside one call.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/transformers.test.ts.
 */

import type { PreTrainedTokenizer, Processor } from "@huggingface/transformers";
import { isRecord } from "../../engine/fields.ts";

/** The whole of tokenizer.json. */
export function tokenizerJson(tokenizer: Pick<PreTrainedTokenizer, "_tokenizerJSON">): unknown {
  return tokenizer._tokenizerJSON;
}

/** The text that stands for an image in a prompt; null where the processor has none. */
export function imageToken(processor: object): string | null {
  const token: unknown = Reflect.get(processor, "image_token");
  return typeof token === "string" ? token : null;
}

/** The processor's own chat template; null or undefined where only its tokenizer has one. */
export function processorTemplate(processor: object): unknown {
  return Reflect.get(processor, "chat_template");
}

/** The longest edge, in pixels, of what the vision encoder takes at once; null where the processor does not say. */
export function imageSide(processor: Pick<Processor, "image_processor">): number | null {
  const size: unknown = Reflect.get(processor.image_processor ?? {}, "max_image_size");
  const side = isRecord(size) ? size["longest_edge"] : null;
  return typeof side === "number" ? side : null;
}
