/** Markdown as models write it: GitHub's, with formulas in $...$, $$...$$, \(...\) and \[...\]. */

import { Lexer, Marked, Renderer, type Token, Tokenizer, type TokenizerAndRendererExtension, type Tokens, type TokensList } from "marked";
import { reduceHtml } from "./html.ts";

/** A formula on lines of its own ends at its closing sign or, like every paragraph, at a blank line. */
const MATH_OPENS = /^ {0,3}(\$\$|\\\[)/;
const MATH_CLOSES = { $$: /\$\$[ \t]*(?:\n|$)/g, "\\[": /\\\][ \t]*(?:\n|$)/g };
const BLANK_LINE = /\n[ \t]*(?:\n|$)/;
const MATH_BLOCK_START = /\n {0,3}(?:\$\$|\\\[)/;

/**
 * A line that begins with $$ or \[ always begins a block, whatever follows. Were it to depend on what follows, a block
 * that is already drawn could become another one.
 */
const mathBlock: TokenizerAndRendererExtension = {
  name: "mathBlock",
  level: "block",
  start(src) {
    const at = paragraphOf(src).search(MATH_BLOCK_START);
    return at === -1 ? undefined : at + 1;
  },
  tokenizer(src) {
    const sign = MATH_OPENS.exec(src);
    if (!sign) return undefined;
    const paragraph = paragraphOf(src);
    const closes = MATH_CLOSES[sign[1] as keyof typeof MATH_CLOSES];
    closes.lastIndex = sign[0].length;
    const end = closes.exec(paragraph);
    if (end) {
      return { type: "mathBlock", raw: paragraph.slice(0, closes.lastIndex), tex: paragraph.slice(sign[0].length, end.index).trim(), tokens: [] };
    }
    return { type: "mathBlock", raw: paragraph, tex: null, tokens: this.lexer.inline(paragraph, []) };
  },
  renderer(token) {
    const { tex, tokens = [] } = token as Tokens.Generic & { tex: string | null };
    return tex === null ? `<p>${this.parser.parseInline(tokens)}</p>` : `<div class="md-math" data-display="true">${escapeHtml(tex)}</div>`;
  },
};

/** In a longer paragraph, formulas on lines of their own are looked for in its beginning alone. */
const LONGEST_PARAGRAPH = 4000;

/** The text up to the next blank line: what is behind it is looked at when it is its turn, not once for each block before it. */
function paragraphOf(src: string): string {
  const seen = src.slice(0, LONGEST_PARAGRAPH);
  const blank = BLANK_LINE.exec(seen);
  if (blank) return src.slice(0, blank.index);
  return seen.length === src.length ? src : seen.slice(0, seen.lastIndexOf("\n") + 1) || seen;
}

const INLINE_MATH: readonly RegExp[] = [
  /^\$\$((?:\\[^]|[^\\$\n])+?)\$\$/,
  // Prices are not formulas: "$5 and $10" has a space before its second sign, "$5/$10" a digit after it.
  /^\$(?!\s)((?:\\[^\n]|[^\\$\n])+?)(?<!\s)\$(?!\d)/,
  /^\\\(((?:[^\\\n]|\\[^)\n])+?)\\\)/,
];

const mathInline: TokenizerAndRendererExtension = {
  name: "mathInline",
  level: "inline",
  start(src) {
    const at = src.search(/\$|\\\(/);
    return at === -1 ? undefined : at;
  },
  tokenizer(src) {
    for (const [index, pattern] of INLINE_MATH.entries()) {
      const found = pattern.exec(src);
      if (found?.[1] !== undefined) return { type: "mathInline", raw: found[0], tex: found[1].trim(), display: index === 0 };
    }
    return undefined;
  },
  renderer(token) {
    const { tex, display } = token as Tokens.Generic & { tex: string; display: boolean };
    return `<span class="md-math" data-display="${display}">${escapeHtml(tex)}</span>`;
  },
};

/** A link's definition is one line. marked would let its title run over blank lines, into blocks that are drawn already. */
const DEFINITION = /^ {0,3}\[((?:\\[^\n]|[^\\[\]\n])+)\]:[ \t]*(?:<([^<>\n]*)>|([^\s<]\S*))(?:[ \t]+(?:"([^"\n]*)"|'([^'\n]*)'|\(([^()\n]*)\)))?[ \t]*(?:\n+|$)/;

/** A table's further rows are left out: a page with a hundred thousand cells stops answering. */
const MOST_ROWS = 500;
const MOST_CELLS = 10_000;

export const markdown = new Marked({
  gfm: true,
  extensions: [mathBlock, mathInline],
  tokenizer: {
    // A title underlined with = or - ends where a formula begins, as a paragraph does.
    lheading(src) {
      const formula = paragraphOf(src).search(MATH_BLOCK_START);
      return Tokenizer.prototype.lheading.call(this, formula === -1 ? src : src.slice(0, formula + 1));
    },
    def(src) {
      const found = DEFINITION.exec(src);
      if (!found) return undefined;
      const [raw, label = "", bracketed, bare] = found;
      const title = found[4] ?? found[5] ?? found[6] ?? "";
      return { type: "def", tag: labelOf(label), raw, href: bracketed ?? bare ?? "", title };
    },
  },
  renderer: {
    code({ text, lang }) {
      const language = (lang ?? "").trim().split(/\s/, 1)[0] ?? "";
      return `<pre data-lang="${escapeHtml(language)}"><code>${escapeHtml(text)}\n</code></pre>`;
    },
    table(token) {
      const most = Math.max(20, Math.min(MOST_ROWS, Math.floor(MOST_CELLS / Math.max(1, token.header.length))));
      const drawn = Renderer.prototype.table.call(this, { ...token, rows: token.rows.slice(0, most) }) as string;
      return token.rows.length <= most ? drawn : `${drawn}<p class="md-left-out">${most}/${token.rows.length}</p>`;
    },
    html({ text }) {
      return reduceHtml(text);
    },
    checkbox({ checked }) {
      return checked ? "☑ " : "☐ ";
    },
  },
});

/** A block of the outermost level, as far as splitting a text needs it. */
export interface Block {
  readonly type: string;
  readonly raw: string;
}

/** Splits a text into its outermost blocks. What is inside of paragraphs is not looked at, which makes this cheap. */
export function blocksOf(text: string): readonly Block[] {
  return new BoundedLexer(markdown.defaults).blockTokens(text, []);
}

/** Returns a text as HTML, which is as harmful as the text is. */
export function htmlOf(text: string): string {
  return markdown.parser(new BoundedLexer(markdown.defaults).lex(text));
}

/** Quotes, lists and emphasis that nest deeper are shown as they were written: only an attack, or a broken model, writes them. */
const DEEPEST = 40;

/**
 * marked looks at what is left of a paragraph anew for each sign that may begin something, so its time grows with the square
 * of both. A longer paragraph is read in pieces, each with its own emphasis and links. Texts that people read have one such
 * sign in twenty letters: they are read in pieces of 4,000 letters.
 */
const MOST_WORK = 800_000;
/** A piece of nothing but signs is what it says. */
const MOST_SIGNS = 0.5;
const SIGNS = /[*_~`[\]!<$\\&@]/g;
/** Where a paragraph is best cut, in this order. */
const CUTS = ["\n", ". ", " "];

/** Cuts a paragraph into pieces that marked reads in a time that grows with the paragraph's length alone. */
function piecesOf(src: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let signs = 0;
  SIGNS.lastIndex = 0;
  for (let found = SIGNS.exec(src); found !== null; found = SIGNS.exec(src)) {
    signs += 1;
    if ((found.index - start) * signs <= MOST_WORK) continue;
    const end = cutIn(src, start, found.index);
    pieces.push(src.slice(start, end));
    start = end;
    signs = 0;
    SIGNS.lastIndex = end;
  }
  pieces.push(src.slice(start));
  return pieces;
}

function cutIn(src: string, start: number, end: number): number {
  const text = src.slice(start, end);
  for (const cut of CUTS) {
    const at = text.lastIndexOf(cut);
    if (at > text.length / 2) return start + at + cut.length;
  }
  return end;
}

/** marked calls itself for everything that nests, so a line of ten thousand ">" would be too much for the stack. */
export class BoundedLexer extends Lexer {
  #depth = 0;

  override blockTokens(src: string, tokens?: Token[], clipped?: boolean): Token[];
  override blockTokens(src: string, tokens?: TokensList, clipped?: boolean): TokensList;
  override blockTokens(src: string, tokens: Token[] = [], clipped = false): Token[] {
    return this.#depth < DEEPEST ? this.#deeper(() => super.blockTokens(src, tokens, clipped)) : plain(src, tokens);
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    if (this.#depth >= DEEPEST) return plain(src, tokens);
    return this.#deeper(() => {
      for (const piece of piecesOf(src)) {
        if ((piece.match(SIGNS)?.length ?? 0) > Math.max(100, piece.length * MOST_SIGNS)) plain(piece, tokens);
        else super.inlineTokens(piece, tokens);
      }
      return tokens;
    });
  }

  #deeper(lex: () => Token[]): Token[] {
    this.#depth += 1;
    try {
      return lex();
    } finally {
      this.#depth -= 1;
    }
  }
}

function plain(src: string, tokens: Token[]): Token[] {
  if (src !== "") tokens.push({ type: "text", raw: src, text: src, escaped: false });
  return tokens;
}

/** Returns a label of a link definition as it is compared. */
export function labelOf(label: string): string {
  return label.toLowerCase().replace(/\s+/g, " ").trim();
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
