/** How high a message will be, before it is drawn: near enough that no more messages are drawn than can be seen. */

import type { ChatMessage } from "@browserllm/react";

const LINE_PX = 26;
const LETTER_PX = 9;
/** The column of a conversation is no wider (chat.css). */
const COLUMN_PX = 690;
/** What stands around a text: its margins, and the line below it. */
const AROUND_PX = 80;

/** Returns the height in pixels of a message in a column as wide as the window allows. */
export function guessHeight(message: ChatMessage | undefined, width = innerWidth): number {
  const letters = Math.max(20, Math.min(COLUMN_PX, width) / LETTER_PX);
  let lines = 0;
  for (const part of message?.parts ?? []) if (part.type === "text") lines += Math.ceil(part.text.length / letters);
  return AROUND_PX + Math.max(1, lines) * LINE_PX;
}
