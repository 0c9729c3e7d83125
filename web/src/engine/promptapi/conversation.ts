/** A request's messages as the Prompt API takes them: what a session begins with, and what it is asked next. */

import { invalid, PageError } from "../errors.ts";
import type { Message } from "../options.ts";
import type { LanguageModelMessage } from "./idl.d.ts";

export interface Turn {
  /** Everything up to the last answer: a session's `initialPrompts`. */
  readonly history: readonly LanguageModelMessage[];
  /** What is asked now: the messages after the last answer, or an answer to go on with. */
  readonly input: readonly LanguageModelMessage[];
}

export function readTurn(messages: readonly Message[]): Turn {
  const said = messages.map(toBrowser);
  const misplaced = said.findIndex(({ role }, index) => role === "system" && index > 0);
  if (misplaced > 0) {
    throw invalid(`messages[${misplaced}].role`, "the browser's model takes a system message at the beginning only; move it there");
  }
  if (said.at(-1)?.role === "system") throw invalid("messages", "the browser's model needs a message after the system message");
  let first = said.length - 1;
  if (said[first]?.role === "assistant") return { history: said.slice(0, first), input: said.slice(first).map((message) => ({ ...message, prefix: true })) };
  while (first > 0 && said[first - 1]?.role === "user") first -= 1;
  return { history: said.slice(0, first), input: said.slice(first) };
}

/** The browser's model has no role for a tool's result, so that it is what the user says. */
function toBrowser({ role, content }: Message): LanguageModelMessage {
  return { role: role === "tool" ? "user" : role, content: typeof content === "string" ? content : content.map(textOf).join("\n") };
}

function textOf(part: Exclude<Message["content"], string>[number]): string {
  if (part.type === "text") return part.text;
  throw new PageError("unsupported", "this engine gives the browser's model texts alone, and no images", { parameter: "messages" });
}

export function sameMessages(a: readonly LanguageModelMessage[], b: readonly LanguageModelMessage[]): boolean {
  return a.length === b.length && a.every(({ role, content }, index) => role === b[index]?.role && content === b[index].content);
}

/** A text as what a user says. */
export function textMessages(text: string): readonly LanguageModelMessage[] {
  return [{ role: "user", content: text }];
}
