/** Messages into the tokens of a prompt, by the model's own chat template. */

import type { PreTrainedTokenizer } from "@huggingface/transformers";
import { invalid, PageError } from "../errors.ts";
import type { TextMessage } from "../options.ts";

export type TemplateTokenizer = Pick<PreTrainedTokenizer, "apply_chat_template" | "get_chat_template">;

/** A chat template's variable for whether the model thinks: Qwen's, and by now of most that can do both. */
const SWITCH = /\benable_thinking\b/;

/** The variables that make a chat template have the model think, or not; null where it has no switch for that. */
export function thinkingSwitch(template: unknown, thinking: boolean | undefined): { enable_thinking?: boolean } | null {
  if (thinking === undefined) return {};
  return typeof template === "string" && SWITCH.test(template) ? { enable_thinking: thinking } : null;
}

/** The chat template, or null where there is no template that can be rendered. */
export function templateOf(tokenizer: TemplateTokenizer): string | null {
  try {
    return tokenizer.get_chat_template();
  } catch {
    return null; // rendering says what is wrong
  }
}

export function promptIds(tokenizer: TemplateTokenizer, messages: readonly TextMessage[], thinking: boolean | undefined): readonly number[] {
  let ids: unknown;
  try {
    ids = tokenizer.apply_chat_template([...messages], {
      add_generation_prompt: true,
      return_tensor: false,
      return_dict: false,
      ...thinkingSwitch(templateOf(tokenizer), thinking),
    });
  } catch (error) {
    throw refused(error);
  }
  if (Array.isArray(ids) && ids.every((id) => typeof id === "number")) return ids;
  throw new PageError("internal", "the chat template gave no list of token ids");
}

/** Templates refuse unknown messages with errors of their own. */
export function refused(error: unknown): PageError {
  const reason = error instanceof Error ? error.message : String(error);
  return invalid("messages", `the model's chat template refuses these messages: ${reason}`);
}
