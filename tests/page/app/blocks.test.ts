import { describe, expect, it } from "vitest";
import { htmlOf } from "../../../web/app/markdown/lexer.ts";
import { BlockSplitter, definitionsFor } from "../../../web/app/markdown/blocks.ts";

const whole = (text: string): readonly string[] => new BlockSplitter().update(text, true).frozen;

/** What is frozen after each letter of a text that arrives letter by letter. */
function* growing(text: string): Generator<{ readonly frozen: readonly string[]; readonly tail: string; readonly upTo: number }> {
  const splitter = new BlockSplitter();
  for (let upTo = 0; upTo <= text.length; upTo += 1) {
    yield { ...splitter.update(text.slice(0, upTo), false), upTo };
  }
}

const unix = (text: string): string => text.replace(/\r\n?/g, "\n");

function checkPrefixes(text: string): void {
  const blocks = whole(text);
  expect(blocks.join("")).toBe(unix(text));
  for (const { frozen, tail, upTo } of growing(text)) {
    const seen = { upTo, frozen, tail };
    expect({ ...seen, all: frozen.join("") + tail }).toEqual({ ...seen, all: unix(text.slice(0, upTo)) });
    expect({ ...seen, first: blocks.slice(0, frozen.length) }).toEqual({ ...seen, first: frozen });
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  paragraphs: "One\ntwo\n\nthree\n\n\nfour",
  "a heading below its text": "One\n\nTitle\n=====\n\nTwo\nTitle\n---\nthree",
  "a list with gaps": "Before\n\n- one\n\n- two\n\n  more of two\n\n      code of two\n\nafter\n",
  "a list, then a rule": "- one\n- two\n\n---\n- three",
  "an HTML tag that turns out to be another": "text\n<divx> and\n<div>\ninside\n\nafter",
  "fenced code with blank lines and fences in it": "Look:\n````md\n```js\nlet a\n\n```\n\n````\nDone\n\n~~~\nopen to the end\n\n# not a heading\n",
  "a table": "Words\n| a | b |\n| - | - |\n| 1 | 2 |\n\nWords\n",
  "formulas with what looks like a list": "So\n$$\na\n+ b\n- c\n$$\nand\n\\[\n1. x\n\\]\ndone",
  "a formula that is never closed": "So\n$$ is a lot\n- of money\n\nindeed $$\n\nend",
  "a definition with a title that is not closed": '[a]: https://a.example "title\n\nmore\n\nend"\n\n[b]: <https://b.example> "B"\n\nend',
  quotes: "> one\nlazy\n\n> two\n> - three\n\nend\n",
  "indented code": "    one\n\n\n    two\n\nthree\n",
  "an HTML comment across blank lines": "a\n\n<!-- b\n\nc -->\n\nd\n\n<script>\n\nx\n\n</script>\ne",
  "lines of Windows": "one\r\n\r\n- two\r\n- three\r\n\r\n```\r\nfour\r\n```\r\nfive",
  "blank lines first": "\n\n \n  one\n\t\n two",
};

describe("splitting a growing text", () => {
  it.each(Object.entries(TEXTS))("freezes no block that changes later: %s", (_name, text) => {
    checkPrefixes(text);
  });

  it("freezes no block that changes later, in texts put together by chance", () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 1e9);
    const random = randomFrom(seed);
    for (let round = 0; round < 400; round += 1) {
      const text = Array.from({ length: 1 + Math.floor(random() * 9) }, () => PIECES[Math.floor(random() * PIECES.length)]).join("");
      try {
        checkPrefixes(text);
      } catch (error) {
        throw new Error(`SEED=${seed}: ${JSON.stringify(text)}`, { cause: error });
      }
    }
  });

  it("keeps the frozen blocks and the definitions the same objects while only the tail grows", () => {
    const splitter = new BlockSplitter();
    const before = splitter.update("one\n\ntwo\n\nthr", false);
    const after = splitter.update("one\n\ntwo\n\nthree", false);
    expect(after.frozen).toBe(before.frozen);
    expect(after.definitions).toBe(before.definitions);
    expect([before.tail, after.tail]).toEqual(["two\n\nthr", "two\n\nthree"]);
  });

  it("begins again when the text is another one, or is shorter", () => {
    const splitter = new BlockSplitter();
    splitter.update("one\n\ntwo\n\nthree\n", false);
    expect(splitter.update("uno\n\ndue\n", false)).toMatchObject({ frozen: ["uno\n\n"], tail: "due\n" });
    expect(splitter.update("uno\n", false)).toMatchObject({ frozen: [], tail: "uno\n" });
  });

  it("leaves no tail of a complete text, and goes on after it when the answer is continued", () => {
    const splitter = new BlockSplitter();
    expect(splitter.update("one\n\ntwo", true)).toMatchObject({ frozen: ["one\n\n", "two"], tail: "" });
    expect(splitter.update("one\n\ntwo and", false)).toMatchObject({ frozen: [], tail: "one\n\ntwo and" });
    expect(splitter.update("one\n\ntwo and\n", false)).toMatchObject({ frozen: ["one\n\n"], tail: "two and\n" });
  });

  it("finds the definitions that a block refers to, whatever its letters' case", () => {
    const { definitions } = new BlockSplitter().update("See [The  Book][b] and [a].\n\n[B]: https://b.example\n[a]: https://a.example\n[c]: https://c.example", true);
    expect(definitionsFor("See [The  Book][b] and [A].", definitions)).toBe("[B]: https://b.example\n\n[a]: https://a.example\n");
    expect(definitionsFor("See nothing.", definitions)).toBe("");
  });

  it("does not look again at what is finished: the work for a letter does not grow with the text", () => {
    const splitter = new BlockSplitter();
    const paragraph = "A paragraph of the answer, with *some* words.\n\n";
    const text = paragraph.repeat(2000);
    splitter.update(text, false);
    const { frozen, tail } = splitter.update(`${text}x`, false);
    expect(frozen).toHaveLength(1999);
    expect(tail.length).toBeLessThan(2 * paragraph.length);
  });
});

const PIECES: readonly string[] = [
  "\n", "\n\n", "\n \n", "word", "two words\n", "# Head\n", "===\n", "---\n", "***\n", "- item\n", "  - nested\n", "-\n", "1. one\n", "2) two\n", "> quote\n", ">\n",
  "```\n", "```py\n", "~~~\n", "    indented\n", "\ttab\n", "  two spaces\n", "| a | b |\n", "|---|---|\n", "| 1 |\n", "<div>\n", "<div", "</div>\n", "<b>x</b>\n", "<!--", "-->",
  "<script>", "</script>\n", "<a href='x'>\n", "[a]: https://x.example\n", '[b]: /u "t', '"\n', "[a]", "$$\n", "$$x$$\n", "$$", "\\[\n", "\\]\n", "$5", "+ b\n", "* * *\n", "&amp;", "\\", "`", "**",
  "<?", "?>", "<![CDATA[", "]]>\n", "\u200f\u0634\n", "- [x] done\n", "[^1]: note\n", "Term\n: meaning\n", "<details>\n", "<pre>\n", "\r\n",
];

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("texts that nest too deeply", () => {
  it.each([
    ["quotes", "> ".repeat(10_000)],
    ["lists", Array.from({ length: 300 }, (_, depth) => `${"  ".repeat(depth)}- x\n`).join("")],
    ["lists in one line", "- ".repeat(5000)],
    ["quotes and lists", "> - ".repeat(5000)],
    ["emphasis", `${"*".repeat(5000)}a${"*".repeat(5000)}`],
    ["brackets", "[".repeat(5000)],
    ["links", `${"[".repeat(2000)}a${"](b)".repeat(2000)}`],
  ])("are split and drawn without an end to the stack: %s", (_name, nested) => {
    const text = `before\n\n${nested}x\n\nafter\n`;
    const { frozen } = new BlockSplitter().update(text, true);
    expect(frozen.join("")).toBe(text);
    expect(htmlOf(text)).toMatch(/before[^]*x[^]*after/);
  });
});
