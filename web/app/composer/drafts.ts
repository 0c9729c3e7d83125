/** What is written but not sent yet, for each conversation. It outlives a reload of the page. */

const PREFIX = "browserllm-draft:";
export const NEW_CHAT = "new";

/** Returns what was written in a conversation, or an empty text. */
export function readDraft(conversation: string): string {
  try {
    return localStorage.getItem(PREFIX + conversation) ?? "";
  } catch {
    return ""; // The browser keeps nothing for this site.
  }
}

/** Keeps what is written; an empty text takes it away. */
export function keepDraft(conversation: string, text: string): void {
  try {
    if (text === "") localStorage.removeItem(PREFIX + conversation);
    else localStorage.setItem(PREFIX + conversation, text);
  } catch {
    // Full, or not allowed: the text is still in the box.
  }
}

/** Forgets what was written in conversations that exist no more: another tab, or a page that was closed, has deleted them. */
export function forgetOtherDrafts(conversations: readonly string[]): void {
  try {
    const kept = new Set([NEW_CHAT, ...conversations].map((conversation) => PREFIX + conversation));
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX) && !kept.has(key)) localStorage.removeItem(key);
  } catch {
    // The browser keeps nothing for this site.
  }
}

/** Forgets what was written in conversations that are deleted. */
export function forgetDrafts(conversations: readonly string[]): void {
  for (const conversation of conversations) keepDraft(conversation, "");
}
