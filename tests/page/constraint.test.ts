import { beforeAll, describe, expect, it } from "vitest";
import { Answerer } from "../../web/src/engine/constraint/answerer.ts";
import { readFormat } from "../../web/src/engine/constraint/format.ts";
import { toGrammar } from "../../web/src/engine/constraint/grammar.ts";
import { complaintOf, type XGrammar } from "../../web/src/patches/xgrammar/library.ts";
import { applyMask } from "../../web/src/engine/constraint/mask.ts";
import type { Vocabulary } from "../../web/src/engine/constraint/messages.ts";
import { readVocabulary } from "../../web/src/engine/constraint/vocabulary.ts";
import { seededRandom } from "../../web/src/engine/transformersjs/sampler.ts";
import { END, ConstrainedAnswer, json, load, pocket, pocketVocabulary } from "./xgrammar.ts";

let library: XGrammar;
beforeAll(async () => { library = await load(); });

async function accepts(format: Record<string, unknown>, text: string): Promise<boolean> {
  const read = readFormat(format);
  if (read === null) throw new Error("free text");
  const grammar = await toGrammar(library, read);
  const accepted = await library.Testings.isGrammarAcceptString(grammar, text);
  grammar.dispose();
  return accepted;
}

const PERSON = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 12 },
    ages: { type: "array", items: { type: "integer", minimum: 1, maximum: 99 }, minItems: 1, maxItems: 3 },
    home: { type: "object", properties: { zip: { enum: ["a1", "b2"] }, any: { anyOf: [{ type: "boolean" }, { type: "null" }] } }, required: ["zip", "any"] },
  },
  required: ["name", "ages", "home"],
};
const VALUE = { name: "Ann", ages: [1, 2], home: { zip: "a1", any: null } };

describe("a response format", () => {
  it("is parsed in all of its forms", () => {
    const schema = { type: "object" };
    const text = JSON.stringify(schema);
    expect(readFormat(undefined)).toBeNull();
    expect(readFormat({ type: "text" })).toBeNull();
    expect(readFormat({ type: "json_object" })).toEqual({ type: "json", schema: null });
    for (const given of [schema, text]) {
      expect(readFormat({ type: "json_object", schema: given })).toEqual({ type: "json", schema: text });
      expect(readFormat({ type: "json_schema", schema: given })).toEqual({ type: "json", schema: text });
      expect(readFormat({ type: "json_schema", json_schema: { name: "x", schema: given } })).toEqual({ type: "json", schema: text });
    }
    expect(readFormat({ type: "grammar", grammar: "root ::= [a]" })).toEqual({ type: "grammar", grammar: "root ::= [a]" });
    const tag = { format: { type: "any_text" } };
    for (const given of [tag, JSON.stringify(tag)]) {
      expect(readFormat({ type: "structural_tag", structural_tag: given })).toEqual({ type: "structural_tag", tag });
    }
  });

  it.each([
    [{}, "missing"],
    [{ type: "xml" }, "xml"],
    [{ type: "json_schema" }, "schema"],
    [{ type: "json_schema", schema: "{nope" }, "not valid JSON"],
    [{ type: "json_schema", schema: "[]" }, "[]"],
    [{ type: "json_schema", schema: 5 }, "5"],
    [{ type: "grammar", grammar: 5 }, "5"],
    [{ type: "grammar" }, "grammar"],
    [{ type: "structural_tag", structural_tag: {} }, "format"],
    [{ type: "structural_tag", structural_tag: "{" }, "not valid JSON"],
    [{ type: "structural_tag", structural_tag: { format: { type: "zzz" } } }, "zzz"],
    [{ type: "structural_tag", structural_tag: { format: { type: "sequence", elements: [{ type: "or", elements: [7] }] } } }, "7"],
    [{ type: "structural_tag", structural_tag: { format: { type: "tag", begin: "a", content: { type: "yyy" }, end: "b" } } }, "yyy"],
  ])("of no sense is refused: %j", (format, word) => {
    expect(() => readFormat(format)).toThrow(expect.objectContaining({
      code: "invalid_request",
      data: { parameter: "response_format" },
      message: expect.stringContaining(word) as string,
    }));
  });
});

describe("JSON of a schema", () => {
  it("may have the usual whitespace", async () => {
    const spaced = JSON.stringify(VALUE, null, 1).replaceAll(/\n */g, " ");
    for (const text of [JSON.stringify(VALUE), spaced, ...[2, 4, "\t"].map((indent) => JSON.stringify(VALUE, null, indent))]) {
      expect([text, await accepts(json(PERSON), text)]).toEqual([text, true]);
    }
  });

  it("has no other whitespace anywhere", async () => {
    const text = JSON.stringify(VALUE);
    let places = 0;
    for (let at = 0; at <= text.length; at += 1) {
      const wider = (blanks: string): Promise<boolean> => accepts(json(PERSON), text.slice(0, at) + blanks + text.slice(at));
      if (text.slice(0, at).split('"').length % 2 === 0) continue; // within a string
      places += (await wider(" ")) ? 1 : 0;
      for (const blanks of ["   ", "\n\n", "\t", `\n${" ".repeat(17)}`]) expect([at, blanks, await wider(blanks)]).toEqual([at, blanks, false]);
    }
    expect(places).toBeGreaterThan(20);
    // This includes values that the schema leaves open.
    expect(await accepts(json(true), '{"a": [1, {"b": null}]}')).toBe(true);
    for (const open of ['{"a":   1}', '[1,\n\n2]', "[   1]", "[1   ]", "{\n\n}"]) expect([open, await accepts(json(true), open)]).toEqual([open, false]);
  });

  it("has only the properties that the schema names", async () => {
    expect(await accepts(json(PERSON), JSON.stringify({ ...VALUE, more: 1 }))).toBe(false);
    expect(await accepts(json(PERSON), JSON.stringify({ ...VALUE, ages: [100] }))).toBe(false);
    expect(await accepts(json(PERSON), JSON.stringify(VALUE).slice(0, -1))).toBe(false);
  });

  it("is any object if no schema is given", async () => {
    expect(await accepts({ type: "json_object" }, '{"a": [1, {"b": "c"}], "d": "e"}')).toBe(true);
    for (const text of ["[1]", "1", '"a"', '{"a":\n\n1}']) expect(await accepts({ type: "json_object" }, text)).toBe(false);
  });

  it("accepts strings of the schema that look like the grammar's own placeholders", async () => {
    const odd = '[ \n\t]* json_gap | \\n ::= "(';
    const format = json({ type: "object", properties: { a: { const: odd }, b: { enum: ["x", odd] } }, required: ["a", "b"] });
    expect(await accepts(format, JSON.stringify({ a: odd, b: odd }))).toBe(true);
    expect(await accepts(format, JSON.stringify({ a: odd, b: "y" }))).toBe(false);
  });
});

describe("a structural tag", () => {
  const tag = (name: string): object => ({ type: "tag", begin: `<${name}>`, content: { type: "json_schema", json_schema: PERSON }, end: `</${name}>` });
  const triggered = { type: "structural_tag", structural_tag: { type: "structural_tag", format: { type: "triggered_tags", triggers: ["<"], tags: [tag("a"), tag("b")] } } };

  it("allows the same whitespace in JSON as a schema does", async () => {
    const text = JSON.stringify(VALUE, null, 2);
    expect(await accepts(triggered, `Look: <b>${text}</b> and <a>${text}</a>.`)).toBe(true);
    expect(await accepts(triggered, "Look.")).toBe(true);
    expect(await accepts(triggered, `<b>${text.replace(":", ":  ")}</b>`)).toBe(false);
  });

  it("may have JSON at any depth", async () => {
    const either = { type: "or", elements: [tag("a"), { type: "sequence", elements: [{ type: "const_string", value: "-" }, tag("b")] }] };
    const format = { type: "structural_tag", structural_tag: { format: either } };
    expect(await accepts(format, `-<b>${JSON.stringify(VALUE)}</b>`)).toBe(true);
    expect(await accepts(format, `-<b>${JSON.stringify(VALUE).replace(":", ":  ")}</b>`)).toBe(false);
    expect(await accepts(format, "-")).toBe(false);
  });
});

it("a caller's grammar is compiled correctly by XGrammar, by itself and in a structural tag", async () => {
  const grammar = 'root ::= ("[" gap "x" gap "]") | "[" gap "]"\ngap ::= "" | " "';
  const tag = { type: "tag", begin: "<", content: { type: "grammar", grammar }, end: ">" };
  const inTag = { type: "structural_tag", structural_tag: { format: tag } };
  for (const [text, right] of [["[ x]", true], ["[]", true], ["[xx]", false]] as const) {
    expect([text, await accepts({ type: "grammar", grammar }, text)]).toEqual([text, right]);
    expect([text, await accepts(inTag, `<${text}>`)]).toEqual([text, right]);
  }
});

describe("an answer of the pocket model's tokens", () => {
  let answerer: Answerer;
  const SIZE = 2050; // two more logits than tokens

  beforeAll(async () => {
    answerer = new Answerer(load);
    await ConstrainedAnswer.begin(answerer, json(true), pocketVocabulary(SIZE));
  });

  it("accepts a valid one token by token, and then only the end", async () => {
    const answer = await ConstrainedAnswer.begin(answerer, json(PERSON));
    for (const token of pocket.encode(JSON.stringify(VALUE)).ids) {
      expect([token, answer.allows(token), answer.allows(END)]).toEqual([token, true, false]);
      await answer.accept(token);
    }
    expect(answer.allowed(SIZE)).toEqual([END]);
    await answer.accept(END);
    expect(answer.mask).toBeNull();
  });

  it("allows only the tokens that can continue it", async () => {
    const answer = await ConstrainedAnswer.begin(answerer, { type: "grammar", grammar: 'root ::= "yes" | "no"' });
    const texts = (): string[] => answer.allowed(SIZE).map((token) => pocket.decode([token])).sort();
    const words = [...pocket.get_vocab().keys()];
    expect(texts()).toEqual(words.filter((word) => ["y", "ye", "yes", "n", "no"].includes(word)).sort());
    await answer.accept(pocket.encode("y").ids[0] ?? -1);
    expect(texts()).toEqual(words.filter((word) => ["e", "es"].includes(word)).sort());
  });

  it("never contains a hidden token or an id without a token", async () => {
    const answer = await ConstrainedAnswer.begin(answerer, { type: "structural_tag", structural_tag: { format: { type: "any_text" } } });
    expect(answer.allowed(SIZE)).toEqual([END, ...Array.from({ length: 2045 }, (_, index) => index + 3)]);
  });

  it("refuses a token that was not allowed", async () => {
    const answer = await ConstrainedAnswer.begin(answerer, json({ type: "integer" }));
    await expect(answer.accept(pocket.encode("x").ids[0] ?? -1)).rejects.toThrow("not allowed");
  });

  it.each([1, 2, 3, 4, 5, 6])("fits the schema when tokens are drawn at random, seed %d", async (seed) => {
    const schema = { ...PERSON, properties: { ...PERSON.properties, more: { type: "array", items: { $ref: "#" }, maxItems: 1 } }, required: ["name", "more"] };
    const answer = await ConstrainedAnswer.begin(answerer, json(schema));
    const random = seededRandom(seed);
    const said: number[] = [];
    for (;;) {
      const allowed = answer.allowed(SIZE);
      const token = allowed[Math.floor(random() * allowed.length)] ?? -1;
      if (token === END || said.length === 400) break;
      said.push(token);
      await answer.accept(token);
    }
    const text = pocket.decode(said);
    const shown = text.replaceAll(/"(?:\\.|[^"\\])*"/g, '""');
    expect(shown).not.toMatch(/ {17}|\n\n|\t{9}/);
    if (said.length < 400) expect(JSON.parse(text)).toMatchObject({ name: expect.any(String) as string });
  });

  it("keeps the most recently used grammars", async () => {
    for (let which = 0; which < 40; which += 1) {
      const answer = await ConstrainedAnswer.begin(answerer, json({ const: `a${which % 20}` }));
      for (const token of pocket.encode(`"a${which % 20}"`).ids) await answer.accept(token);
      expect(answer.allowed(SIZE)).toEqual([END]);
    }
    expect(await answerer.answer({ type: "end" })).toBeNull();
    expect(await answerer.answer({ type: "end" })).toBeNull();
    expect(await answerer.answer({ type: "accept", token: 5 })).toMatchObject({ type: "failed" });
  });

  it("fails with a reason if the model has no token for the required text", async () => {
    const mute = new Answerer(load);
    const vocabulary = { ...pocketVocabulary(), tokens: ["", "", "", "a"], size: 4 };
    const answer = await ConstrainedAnswer.begin(mute, { type: "grammar", grammar: 'root ::= "ab"' }, vocabulary);
    await expect(answer.accept(3)).rejects.toThrow("no token");
    expect(await new Answerer(load).answer({ type: "start", format: { type: "json", schema: null }, vocabulary: null })).toMatchObject({ type: "failed" });
    const broken = new Answerer(() => Promise.reject(new Error("not fetched")));
    expect(await broken.answer({ type: "start", format: { type: "json", schema: null }, vocabulary })).toEqual({ type: "failed", reason: "not fetched" });
  });
});

describe("a vocabulary", () => {
  it("of the pocket model is byte-level, without hidden tokens", () => {
    const { tokens, kind, size, stops, prependsSpace } = pocketVocabulary();
    expect([kind, size, stops, prependsSpace]).toEqual(["byte_level", 2048, [END], false]);
    expect(tokens.slice(0, 3)).toEqual(["", "", ""]);
    expect(tokens[2042]).toBe("<tool_call>");
    expect(tokens).toContain("Ġthe");
    expect(pocketVocabulary(4096).size).toBe(4096);
    expect(pocketVocabulary(7).size).toBe(2048);
  });

  it("has a letter for each byte of an added token", () => {
    const added = [{ id: 1, content: "a é\n", special: false }, { id: 2, content: "x", special: true }, { id: "3" }, 4];
    const { tokens } = readVocabulary({ json: { decoder: { type: "ByteLevel" }, added_tokens: added }, tokens: [["a", 0], ["x", 2]], special: [] }, [], null);
    expect(tokens).toEqual(["a", "aĠÃ©Ċ", ""]);
  });

  it("may have gaps, and tokens hidden by their ids", () => {
    const { tokens, size, kind } = readVocabulary({ json: null, tokens: [["a", 3], ["b", 1]], special: [1] }, [3], null);
    expect([tokens, size, kind]).toEqual([["", "", "", "a"], 4, "raw"]);
  });

  it.each([
    [{ decoder: { type: "Sequence", decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "Fuse" }] } }, "byte_fallback", false],
    [{ decoder: { type: "Sequence", decoders: [{ type: "ByteFallback" }] }, normalizer: { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }] } }, "byte_fallback", true],
    [{ decoder: { type: "Metaspace" }, pre_tokenizer: { type: "Metaspace", prepend_scheme: "first" } }, "byte_fallback", true],
    [{ decoder: { type: "Metaspace" }, pre_tokenizer: { type: "Metaspace", prepend_scheme: "never" } }, "byte_fallback", false],
    [{ decoder: null, pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Split" }, { type: "ByteLevel" }] } }, "byte_level", false],
    [{ decoder: { type: "Fuse" } }, "raw", false],
  ])("is of the kind that tokenizer.json declares: %j", (given, kind, prependsSpace) => {
    expect(readVocabulary({ json: given, tokens: [["a", 0]], special: [] }, [], null)).toMatchObject({ kind, prependsSpace });
  });

  it("of word pieces is refused", () => {
    const given = { json: { decoder: { type: "WordPiece" } }, tokens: [], special: [] };
    expect(() => readVocabulary(given, [], null)).toThrow(expect.objectContaining({ code: "unsupported" }));
  });

  const small: Record<Vocabulary["kind"], string[]> = {
    byte_fallback: ["", '"', "▁", "▁a", "<0xC3>", "<0xA9>", "<0x22>", "é", "▁▁"],
    byte_level: ["", '"', "Ġ", "Ġa", "Ã", "©", '"', "Ã©", "ĠĠ"],
    raw: ["", '"', " ", " a", "\u{fffd}", "\u{fffd}", '"', "é", "  "],
  };

  it.each(Object.entries(small))("spells bytes in its own way: %s", async (kind, tokens) => {
    const answerer = new Answerer(load);
    const vocabulary: Vocabulary = { tokens, kind: kind as Vocabulary["kind"], prependsSpace: false, size: 40, stops: [0] };
    const answer = await ConstrainedAnswer.begin(answerer, { type: "grammar", grammar: 'root ::= "\\"" (" a" | "é") "\\""' }, vocabulary);
    expect(answer.allowed(40)).toEqual([1, 6]);
    await answer.accept(1);
    expect(answer.allowed(40)).toEqual(kind === "raw" ? [2, 3, 7] : [2, 3, 4, 7]);
    if (kind !== "raw") {
      await answer.accept(4);
      expect(answer.allowed(40)).toEqual([5]);
      await answer.accept(5);
    } else {
      await answer.accept(7);
    }
    await answer.accept(6);
    expect(answer.allowed(40)).toEqual([0]);
  });
});

describe("a mask", () => {
  /** A mask of `words` words with these tokens allowed. */
  const mask = (words: number, ...tokens: number[]): Int32Array => {
    const made = new Int32Array(words);
    for (const token of tokens) made[token >> 5] = (made[token >> 5] ?? 0) | (1 << (token & 31));
    return made;
  };
  const left = (logits: Float32Array): number[] => [...logits.keys()].filter((id) => logits[id] !== -Infinity);

  it("leaves the logits of allowed tokens unchanged", () => {
    const logits = Float32Array.from({ length: 200 }, (_, id) => id);
    applyMask(logits, mask(7, 0, 31, 32, 63, 130, 199, 210));
    expect(left(logits)).toEqual([0, 31, 32, 63, 130, 199]);
    expect(logits[130]).toBe(130);
    const all = Float32Array.from({ length: 40 }, (_, id) => id);
    applyMask(all, new Int32Array(2).fill(-1));
    expect(left(all)).toHaveLength(40);
  });

  it("forbids tokens that it does not cover, and may be longer than the logits", () => {
    const logits = new Float32Array(100);
    applyMask(logits, mask(2, 5));
    expect(left(logits)).toEqual([5]);
    const few = new Float32Array(10);
    applyMask(few, mask(9, 5, 200));
    expect(left(few)).toEqual([5]);
  });

  it("makes the allowed tokens equally likely if the network gives none of them a chance", () => {
    for (const hopeless of [-Infinity, NaN]) {
      const logits = new Float32Array(64).fill(hopeless);
      logits[3] = 5;
      applyMask(logits, mask(2, 7, 40));
      expect(left(logits)).toEqual([7, 40]);
      expect([logits[7], logits[40]]).toEqual([0, 0]);
    }
  });
});

it("XGrammar's error messages are shown without the place in its source", () => {
  expect(complaintOf("[FATAL] /a/b.cc:12: Check failed: (x(1)) is false: No such field\nmore")).toBe("No such field\nmore");
  expect(complaintOf("[FATAL] /a/b.cc:12: Bad thing")).toBe("Bad thing");
  expect(complaintOf("Aborted()")).toBeNull();
});
