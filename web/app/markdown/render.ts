/** Turns the source of a block into nodes: Markdown to HTML, made harmless, then given what HTML alone has not. */

import { htmlOf } from "./lexer.ts";
import { sanitizeAnswer } from "./sanitize.ts";

/** The words that are drawn into an answer. */
export interface MarkdownWords {
  readonly copyCode: string;
  readonly table: string;
  readonly rowsLeftOut: (shown: number, all: number) => string;
}

/** Returns a block's nodes. `definitions` are those of links that it refers to. */
export function renderBlock(source: string, definitions: string, words: MarkdownWords): DocumentFragment {
  const fragment = sanitizeAnswer(htmlOf(definitions === "" ? source : `${source}\n\n${definitions}`));
  for (const code of fragment.querySelectorAll("pre")) frameCode(code, words);
  for (const table of fragment.querySelectorAll("table")) frameTable(table, words);
  for (const note of fragment.querySelectorAll(".md-left-out")) {
    const [shown = 0, all = 0] = note.textContent.split("/").map(Number);
    note.textContent = words.rowsLeftOut(shown, all);
  }
  for (const element of fragment.querySelectorAll("p, ul, ol, h1, h2, h3, h4, h5, h6, table, td, th, blockquote, summary, dd, dt")) {
    // The cells have a direction of their own, which the table's `auto` would skip.
    element.setAttribute("dir", element.tagName === "TABLE" ? directionOfText(element.textContent) : "auto");
  }
  return fragment;
}

/** Returns the direction of the first letter, as `dir="auto"` would. */
function directionOfText(text: string): "ltr" | "rtl" {
  const letter = /\p{L}/u.exec(text)?.[0] ?? "";
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(letter) ? "rtl" : "ltr";
}

function frameCode(code: HTMLPreElement, words: MarkdownWords): void {
  const language = code.getAttribute("data-lang") ?? "";
  const frame = document.createElement("div");
  frame.className = "md-code";
  frame.dir = "ltr";
  const head = document.createElement("div");
  head.className = "md-code-head";
  const label = document.createElement("span");
  label.textContent = language;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "md-copy";
  button.textContent = words.copyCode;
  head.append(label, button);
  code.tabIndex = 0;
  code.replaceWith(frame);
  frame.append(head, code);
}

function frameTable(table: HTMLTableElement, words: MarkdownWords): void {
  const frame = document.createElement("div");
  frame.className = "md-table";
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", words.table);
  table.replaceWith(frame);
  frame.append(table);
}
