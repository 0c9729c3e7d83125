/**
 * What: rewrites a grammar so that XGrammar 0.1.27 compiles it correctly: alternatives that begin alike become rules of
 * their own, which have no states to merge.
 * Why: XGrammar merges the states of such alternatives as if they were the same, and then accepts texts that match no
 * alternative: words that are not in an enum, numbers outside their range, and of `"[" gap x gap "]" | "[" gap "]"` also
 * `[xx]`.
 * Upstream: mlc-ai/xgrammar#618, mlc-ai/xgrammar#911.
 * Contract: tests/page/patches/xgrammar.test.ts says when the bug is gone.
 */

/** An element of EBNF as it is written, or a group of alternatives with what follows its `)`: `*`, `?`, `{1,2}`. */
type Element = string | { readonly choice: Choice; readonly repeated: string };
type Choice = readonly (readonly Element[])[];

const TOKEN = /\s+|#[^\n]*|"(?:\\.|[^"\\\n])*"|\[(?:\\.|[^\]\\])*\]|\(=|[A-Za-z_][\w.-]*|::=|\{[^}]*\}|[()|*+?]/gy;

/** XGrammar puts a rule of mere characters back to where it is named; one that names another stays. */
const NOTHING = "nothing__";
/** How deep groups may lie in each other to be read. */
const MAX_DEPTH = 200;

/** The same grammar, with rules in place of alternatives that begin alike. A rule that it cannot read stays as it is. */
export function splitAlternatives(grammar: string): string {
  const rules = grammar.split(/^(?=[A-Za-z_][\w.-]*\s*::=)/m);
  const split: string[] = [];
  for (const rule of rules) {
    const found = /^([A-Za-z_][\w.-]*)\s*::=([\s\S]*)$/.exec(rule);
    const read = found === null ? null : readBody(found[2] ?? "");
    if (found?.[1] === undefined || read === null) split.push(rule);
    else split.push(...writeRule(found[1], read));
  }
  return `${split.join("\n")}\n${NOTHING} ::= ""\n`;
}

interface Body {
  readonly choice: Choice;
  /** What must come after the rule. */
  readonly lookahead: string;
}

function readBody(text: string): Body | null {
  const tokens = text.match(TOKEN) ?? [];
  if (tokens.join("") !== text) return null;
  const rest = tokens.filter((token) => !/^(?:\s|#)/.test(token));
  const ahead = rest.indexOf("(=");
  const lookahead = ahead < 0 ? "" : rest.splice(ahead).join(" ");
  const reader = { tokens: rest, at: 0 };
  const choice = readChoice(reader, 0);
  return choice === null || reader.at < rest.length ? null : { choice, lookahead };
}

/** Tokens, and how many of them have been read. */
interface Reader {
  readonly tokens: readonly string[];
  at: number;
}

/** Reads a choice up to its `)`, or to the end; null where groups lie too deep in each other. */
function readChoice(rest: Reader, depth: number): Choice | null {
  if (depth > MAX_DEPTH) return null;
  const choice: Element[][] = [[]];
  for (;;) {
    const token = rest.tokens[rest.at];
    if (token === undefined || token === ")") return choice;
    rest.at += 1;
    const sequence = choice.at(-1) ?? [];
    if (token === "|") {
      choice.push([]);
    } else if (token === "(") {
      const inner = readChoice(rest, depth + 1);
      if (inner === null || rest.tokens[rest.at] !== ")") return null;
      rest.at += 1;
      sequence.push({ choice: inner, repeated: takeRepeated(rest) });
    } else if (/^(?:::=|[*+?{])/.test(token)) {
      return null;
    } else {
      sequence.push(token + takeRepeated(rest));
    }
  }
}

function takeRepeated(rest: Reader): string {
  const token = rest.tokens[rest.at] ?? "";
  if (!/^[*+?{]/.test(token)) return "";
  rest.at += 1;
  return token;
}

function writeRule(name: string, { choice, lookahead }: Body): string[] {
  const more: string[] = [];
  const writeSequence = (sequence: readonly Element[]): string => {
    if (sequence.length === 0) return '""';
    const written = sequence.map((element) => (typeof element === "string" ? element : `(${writeChoice(element.choice)})${element.repeated}`));
    // A loop at a rule's start is merged, too, with what comes after it (github.com/mlc-ai/xgrammar/pull/911).
    return (/[*+}]$/.test(written[0] ?? "") ? [NOTHING, ...written] : written).join(" ");
  };
  const writeChoice = (given: Choice): string => {
    const sequences = given.map(unwrap);
    if (!beginAlike(sequences)) return sequences.map(writeSequence).join(" | ");
    return sequences
      .map((sequence) => {
        if (sequence.length === 0 || (sequence.length === 1 && sequence[0] === '""')) return '""';
        const own = `${name}__${more.length + 1}`;
        const place = more.push("") - 1;
        more[place] = `${own} ::= ${writeSequence(sequence)} ${NOTHING}`;
        return own;
      })
      .join(" | ");
  };
  const [only] = choice.length === 1 ? choice.map(unwrap) : [];
  const body = writeChoice((only?.length === 1 ? innerChoice(only[0]) : null) ?? choice);
  return [`${name} ::= ${lookahead === "" ? body : `(${body}) ${lookahead}`}`, ...more];
}

/** A sequence without parentheses that enclose all of it. */
function unwrap(sequence: readonly Element[]): readonly Element[] {
  const inner = sequence.length === 1 ? innerChoice(sequence[0]) : null;
  return inner?.length === 1 && inner[0] !== undefined ? unwrap(inner[0]) : sequence;
}

function innerChoice(element: Element | undefined): Choice | null {
  return typeof element === "object" && element.repeated === "" ? element.choice : null;
}

/** A hyphen that makes no range is a character. */
function plain(code: number): number {
  return code === -1 ? 0x2d : code;
}

/** The most letters in which one character is written. */
const LONGEST_ESCAPE = 12;

/** Characters by their code points, from and to. */
type Range = readonly [number, number];

/** Whether two of the alternatives may begin with the same. */
function beginAlike(choice: Choice): boolean {
  const starts = choice.filter(([first]) => first !== undefined && first !== '""').map(([first]) => startOf(first));
  if (starts.length < 2) return false;
  // In order, a range overlaps with another one where it overlaps with the one before it: those of one class never do.
  const ranges = starts.flatMap((own) => (own === null ? [] : united(own))).toSorted(([a], [b]) => a - b);
  return starts.includes(null) || ranges.some(([from], index) => from <= (ranges[index - 1]?.[1] ?? -1));
}

/** The same characters, in ranges that do not overlap. */
function united(ranges: readonly Range[]): readonly Range[] {
  const found: [number, number][] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

/** The characters with which an element begins, or null where that is not in its own letters. */
function startOf(element: Element | undefined): readonly Range[] | null {
  if (typeof element !== "string") return null;
  const inner = /^(?:"([\s\S]+)"|\[([\s\S]*)\]\+?)$/.exec(element);
  if (inner === null) return null;
  if (inner[1] !== undefined) {
    const [first = 0] = charactersOf(inner[1].slice(0, LONGEST_ESCAPE));
    return [[plain(first), plain(first)]];
  }
  const body = inner[2] ?? "";
  const negated = body.startsWith("^");
  const characters = charactersOf(negated ? body.slice(1) : body);
  const ranges: Range[] = [];
  for (let at = 0; at < characters.length; at += 1) {
    const from = plain(characters[at] ?? 0);
    const isRange = characters[at + 1] === -1 && at + 2 < characters.length;
    if (isRange) at += 2;
    ranges.push([from, plain(characters[at] ?? from)]);
  }
  return negated ? complement(ranges) : ranges;
}

function complement(ranges: readonly Range[]): readonly Range[] {
  const left: Range[] = [];
  let next = 0;
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    if (from > next) left.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  return [...left, [next, 0x10ffff]];
}

/** Code points of what is written in quotes or brackets; -1 for a hyphen that is not escaped. */
function charactersOf(text: string): readonly number[] {
  const written = text.match(/\\x[\da-fA-F]{1,8}|\\u[\da-fA-F]{4}|\\U[\da-fA-F]{8}|\\[\s\S]|[\s\S]/gu) ?? [];
  return written.map((one) => {
    if (one === "-") return -1;
    if (!one.startsWith("\\")) return one.codePointAt(0) ?? 0;
    if (one.length > 2) return Number.parseInt(one.slice(2), 16);
    return (ESCAPED[one.charAt(1)] ?? one.slice(1)).codePointAt(0) ?? 0;
  });
}

const ESCAPED: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07", e: "\x1b", 0: "\0" };
