/** A request's messages in the Prompt API's format: a session's initial prompts, and the next input. */

import { invalid, PageError } from "../errors.ts";
import type { Message } from "../options.ts";
import type { LanguageModelMessage } from "./idl.d.ts";

export interface PromptTurn {
  /** Everything up to the last answer: a session's `initialPrompts`. */
  readonly history: readonly LanguageModelMessage[];
  /** The next input: the messages after the last answer, or an answer to continue. */
  readonly input: readonly LanguageModelMessage[];
}

export function readTurn(messages: readonly Message[]): PromptTurn {
  const converted = messages.map(toBrowser);
  const misplaced = converted.findIndex(({ role }, index) => role === "system" && index > 0);
  if (misplaced > 0) {
    throw invalid(`messages[${misplaced}].role`, "the browser's model takes a system message at the beginning only; move it there");
  }
  if (converted.at(-1)?.role === "system") throw invalid("messages", "the browser's model needs a message after the system message");
  let first = converted.length - 1;
  if (converted[first]?.role === "assistant") return { history: converted.slice(0, first), input: converted.slice(first).map((message) => ({ ...message, prefix: true })) };
  while (first > 0 && converted[first - 1]?.role === "user") first -= 1;
  return { history: converted.slice(0, first), input: converted.slice(first) };
}

/** The browser's model has no role for a tool's result, so it becomes a user message. */
function toBrowser({ role, content }: Message): LanguageModelMessage {
  return { role: role === "tool" ? "user" : role, content: typeof content === "string" ? content : content.map(textOf).join("\n") };
}

function textOf(part: Exclude<Message["content"], string>[number]): string {
  if (part.type === "text") return part.text;
  throw new PageError("unsupported", "this engine sends only text to the browser's model, and no images", { parameter: "messages" });
}

export function sameMessages(a: readonly LanguageModelMessage[], b: readonly LanguageModelMessage[]): boolean {
  return a.length === b.length && a.every(({ role, content }, index) => role === b[index]?.role && content === b[index].content);
}

/** A text as a user message. */
export function textMessages(text: string): readonly LanguageModelMessage[] {
  return [{ role: "user", content: text }];
}
