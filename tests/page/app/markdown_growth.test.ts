/** Reading Markdown grows with its length alone, also where a text is made to be slow: counted in letters that regular expressions are given. */

import { describe, expect, test, vi } from "vitest";
import { BoundedLexer, htmlOf } from "../../../web/app/markdown/lexer.ts";
import { mendTail } from "../../../web/app/markdown/mend.ts";

/** Pieces that, repeated, are slow for parsers of Markdown: each opens something that never ends, or ends in many ways. */
const SLOW = [
  "_a", "*a", "**a", "**a**a", "*a_", "_a*", "***a", "~a", "~~a", "~~a~", "a_", "a*",
  "[", "[a", "[a](", "[a](b", "[a](<b", "![", "![a](", "[a]", "[a][", "][", "](", "[[a]",
  "`", "`a", "``a`", "a`", "` ", "$", "$a", "$$a", "\\(", "\\(a", "\\", "\\[", "<", "<a ", "<a b=\"", "<!--", "<?", "</a", "<b>", "&", "&#", "&a",
  "a@", "a@b.", "http://", "http://a_", "www.", "!", "!!", "( ", "\"a", "a ", " ", "  \n", "a\n", "a\n\n", "> ", "- ", "- a\n", "1. ", "# ", "|", "|a", "|-", "a|b\n", "=", "\n=", "-\n", "[a]: b\n", "[a]: ", "$$\n", "\\[\n", "```\n", "~~~ ", "    a\n", "\t",
] as const;

/**
 * Returns how many letters regular expressions are given while a text is read. One that must match at the beginning may stop at
 * the first letter: these count where they may read on to the end, inside of paragraphs.
 */
function work(read: () => unknown): number {
  const exec = Reflect.get(RegExp.prototype, "exec");
  // marked's own lexer, which ours hands its pieces to
  const marked = Object.getPrototypeOf(BoundedLexer.prototype) as BoundedLexer;
  const inlineTokens = Reflect.get(marked, "inlineTokens");
  let letters = 0;
  let inline = 0;
  vi.spyOn(RegExp.prototype, "exec").mockImplementation(function (this: RegExp, text: string): RegExpExecArray | null {
    const from = this.global || this.sticky ? this.lastIndex : 0;
    const found = exec.call(this, text);
    if (found) letters += found.index + found[0].length - from;
    else if (inline > 0 || this.global || !this.source.startsWith("^")) letters += text.length - from;
    return found;
  });
  vi.spyOn(marked, "inlineTokens").mockImplementation(function (this: BoundedLexer, ...given: Parameters<typeof inlineTokens>) {
    inline += 1;
    try {
      return inlineTokens.apply(this, given);
    } finally {
      inline -= 1;
    }
  });
  try {
    read();
  } finally {
    vi.restoreAllMocks();
  }
  return letters;
}

function growth(piece: string, read: (text: string) => unknown): number {
  const of = (length: number): number => work(() => read(piece.repeat(Math.ceil(length / piece.length)).slice(0, length)));
  return of(20_000) / of(10_000);
}

describe("a text of 20,000 letters takes twice as long as one of 10,000", () => {
  test.each(SLOW)("%j", (piece) => {
    expect(growth(piece, htmlOf)).toBeLessThan(2.6);
  });
});

test("a long unfinished paragraph is drawn as it is, since it is drawn anew with each frame", () => {
  expect(mendTail(`before\n\n${"a ".repeat(1000)}**bol`)).toMatch(/\*\*bol\*\*$/);
  const long = `${"a ".repeat(2100)}**bol`;
  expect(mendTail(long)).toBe(long);
});

test("a long paragraph keeps its emphasis and its links", () => {
  const text = Array.from({ length: 200 }, (_, at) => `This is the **sentence** with the number *${at}*, and it has [a link](https://example.com/${at}) in it. `).join("");
  const html = htmlOf(text);
  expect(text.length).toBeGreaterThan(18_000);
  for (const tag of ["<strong>", "<em>", "<a "]) expect(html.split(tag)).toHaveLength(201);
  expect(html.replace(/<[^>]+>/g, "")).not.toMatch(/[*[\]]/);
});

test("no letter is lost where a text is cut", () => {
  for (const piece of SLOW.filter((one) => !/[\n<&\\]/.test(one) && /[a-z]/.test(one))) {
    const text = piece.repeat(Math.ceil(20_000 / piece.length));
    const shown = htmlOf(text).replace(/<[^>]+>/g, "");
    expect(shown.replace(/[^a-z]/g, "").length, piece).toBeGreaterThanOrEqual(0.9 * text.replace(/[^a-z]/g, "").length);
  }
});
