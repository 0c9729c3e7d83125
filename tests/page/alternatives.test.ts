import { beforeAll, describe, expect, it, vi } from "vitest";
import { splitAlternatives } from "../../web/src/patches/xgrammar/alternatives.ts";
import { jsonGrammar } from "../../web/src/patches/xgrammar/json-grammar.ts";
import type { XGrammar } from "../../web/src/patches/xgrammar/library.ts";
import { seededRandom } from "../../web/src/engine/transformersjs/sampler.ts";
import { load } from "./xgrammar.ts";

let library: XGrammar;
beforeAll(async () => { library = await load(); });

/** The texts that a grammar accepts. */
async function taken(grammar: string, texts: readonly string[]): Promise<string[]> {
  const made = await library.Grammar.fromEBNF(grammar);
  const found: string[] = [];
  for (const text of texts) if (await library.Testings.isGrammarAcceptString(made, text)) found.push(text);
  made.dispose();
  return found;
}

/** All words of `a` and `b` with up to five letters. */
const WORDS = Array.from({ length: 62 }, (_, index) => (index + 2).toString(2).slice(1).replaceAll("0", "a").replaceAll("1", "b"));

function draw(seed: number): () => string[] {
  const random = seededRandom(seed);
  return () => [...new Set(Array.from({ length: 2 + Math.floor(random() * 6) }, () => WORDS[Math.floor(random() * WORDS.length)] ?? ""))].sort();
}

describe("a grammar whose alternatives begin alike", () => {
  it.each([
    ['root ::= ("[" gap "x" gap "]") | "[" gap "]"\ngap ::= "" | " "', ["[]", "[x]", "[ x ]"], ["[xx]", "[ x x]"]],
    ['root ::= "{" more "}"\nmore ::= ("[" gap root gap "]") | "[" gap "]"\ngap ::= "" | " "', ["{[]}", "{[{[]}]}"], ["{[{[]}{[]}]}"]],
    ['root ::= [a-z]* [a-z] "c" "d"', ["acd", "aacd"], ["cd"]],
  ])("takes what it says and no more: %s", async (grammar, right, wrong) => {
    expect(await taken(grammar, wrong)).not.toEqual([]); // otherwise this patch would not be needed
    expect(await taken(splitAlternatives(grammar), [...right, ...wrong])).toEqual(right);
  });

  it("accepts exactly the words of an enum, whatever they have in common", async () => {
    const next = draw(5);
    const texts = WORDS.map((word) => JSON.stringify(word));
    let wrong = 0;
    for (let turn = 0; turn < 40; turn += 1) {
      const words = next();
      const given = JSON.stringify({ enum: words });
      expect(await taken(await jsonGrammar(library, given), texts)).toEqual(texts.filter((text) => words.includes(JSON.parse(text) as string)));
      if (turn < 20) wrong += (await taken(await library.Testings._jsonSchemaToEBNF(given), texts)).length - words.length;
    }
    expect(wrong).toBeGreaterThan(0);
  });

  it("keeps the enums of a union apart", async () => {
    const next = draw(6);
    const texts = WORDS.map((word) => JSON.stringify(word));
    for (let turn = 0; turn < 15; turn += 1) {
      const [one, other] = [next(), next()];
      const given = JSON.stringify({ anyOf: [{ enum: one }, { enum: other }, { const: "aaaaaa" }] });
      const words = [...one, ...other];
      expect(await taken(await jsonGrammar(library, given), texts)).toEqual(texts.filter((text) => words.includes(JSON.parse(text) as string)));
    }
  });

  it("may have groups, repetitions, lookahead and escapes", async () => {
    const grammar = String.raw`root ::= ((("a" | ("ab" "c"))) | [\]a-c\x64]{2} | ([^a] "|" | "\"" "(") | "xy" more)+ # a | comment
more ::= ("z" | "zz" "z") (= [x])
`;
    const texts = ["a", "abc", "", "dd", "]d", "e|", '"(', "aabce|", "abce", "x", "ee", "xyz", "xyzz", "xyzzz", "comment"];
    expect(await taken(splitAlternatives(grammar), texts)).toEqual(["a", "abc", "dd", "]d", "e|", '"(', "aabce|", "xyz", "xyzzz"]);
  });
});

describe("a grammar of many alternatives", () => {
  it("is split in one pass: alternatives are sorted, and not compared in pairs", () => {
    const compared = vi.spyOn(Array.prototype, "some");
    const sliced = vi.spyOn(Array.prototype, "slice");
    try {
      for (const body of [Array.from({ length: 5000 }, (_, index) => `"${index}"`).join(" | "), `${"(".repeat(150)}"a"${")".repeat(150)}`]) {
        splitAlternatives(`root ::= ${body}\n`);
      }
      expect(compared.mock.calls.length + sliced.mock.calls.length).toBeLessThan(1000);
    } finally {
      compared.mockRestore();
      sliced.mockRestore();
    }
  });

  it("stays unchanged if its groups are nested too deep", () => {
    const deep = `root ::= ${"(".repeat(100_000)}"a"${")".repeat(100_000)}`;
    expect(splitAlternatives(deep)).toContain(deep);
  });

  it("distinguishes a hyphen from a range", async () => {
    const grammar = 'root ::= [^a] "x" | "-" "y"\n';
    expect(await taken(splitAlternatives(grammar), ["bx", "-x", "-y", "by", "ax"])).toEqual(["bx", "-x", "-y"]);
  });
});

describe("a grammar that needs no change", () => {
  it("stays unchanged, because XGrammar's rule for strings runs for each character", () => {
    const rule = String.raw`chars ::= "\"" | [^\0-\x1f\"\\\r\n] chars | "\\" escape chars`;
    expect(splitAlternatives(rule).split("\n")[0]).toBe(rule);
    expect(splitAlternatives('a ::= "x" | [y-z] b | [-+] | "" | "0"').split("\n")[0]).toBe('a ::= "x" | [y-z] b | [-+] | "" | "0"');
    expect(splitAlternatives('a ::= [x-z] | "y"')).toContain("a__2");
    expect(splitAlternatives('a ::= b | "y"')).toContain("a__2");
  });

  it("is left to XGrammar if it cannot be parsed", () => {
    for (const rule of ["root ::= (", "root ::= a )", "root ::= *", 'root ::= TagDispatch(("a", b), stop_eos=true)', 'root ::= "a', "no rule"]) {
      expect(splitAlternatives(rule)).toContain(rule);
    }
  });
});
