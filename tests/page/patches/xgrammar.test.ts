/** The contract of web/src/patches/xgrammar/ with the pinned XGrammar: each test names the assumption that broke. */

import { beforeAll, describe, expect, it } from "vitest";
import { splitAlternatives } from "../../../web/src/patches/xgrammar/alternatives.ts";
import { complaintOf, type XGrammar } from "../../../web/src/patches/xgrammar/library.ts";
import { load } from "../xgrammar.ts";

let library: XGrammar;
let complaints: string[] = [];
beforeAll(async () => { library = await load((complaint) => { complaints.push(complaint); }); });

async function accepts(grammar: string, text: string): Promise<boolean> {
  const made = await library.Grammar.fromEBNF(grammar);
  const accepted = await library.Testings.isGrammarAcceptString(made, text);
  made.dispose();
  return accepted;
}

describe("XGrammar's file", () => {
  it("leaves its names behind, those that we use among them", () => {
    const { Grammar, GrammarCompiler, GrammarMatcher, TokenizerInfo, Testings } = library;
    const used = {
      fromEBNF: Grammar.fromEBNF.bind(Grammar),
      fromStructuralTag: Grammar.fromStructuralTag.bind(Grammar),
      createGrammarCompiler: GrammarCompiler.createGrammarCompiler.bind(GrammarCompiler),
      createGrammarMatcher: GrammarMatcher.createGrammarMatcher.bind(GrammarMatcher),
      createTokenizerInfo: TokenizerInfo.createTokenizerInfo.bind(TokenizerInfo),
      _jsonSchemaToEBNF: Testings._jsonSchemaToEBNF.bind(Testings),
    };
    for (const [name, one] of Object.entries(used)) expect(typeof one, name).toBe("function");
  });
});

describe("XGrammar's grammars", () => {
  it.each([
    ["mlc-ai/xgrammar#618", 'root ::= "[" gap "x" gap "]" | "[" gap "]"\ngap ::= "" | " "', "[xx]"],
    ["mlc-ai/xgrammar#911", 'root ::= [a-z]* [a-z] "c" "d"', "cd"],
  ])("still accept too much (%s), which is why alternatives.ts rewrites them", async (_, grammar, text) => {
    expect(await accepts(grammar, text), "fixed upstream: patches/xgrammar/alternatives.ts may go").toBe(true);
    expect(await accepts(splitAlternatives(grammar), text)).toBe(false);
  });

  it("of JSON write each gap as `[ \\n\\t]*`, which json-grammar.ts replaces", async () => {
    const grammar = await library.Testings._jsonSchemaToEBNF(JSON.stringify({ type: "object", properties: { a: { type: "integer" }, b: { type: "array", items: {} } } }));
    expect(grammar).toContain('[ \\n\\t]* ":" [ \\n\\t]*');
    expect(grammar).toContain('[ \\n\\t]* ","');
    const bounded = await library.Testings._jsonSchemaToEBNF(JSON.stringify({ type: "string", maxLength: 3 }));
    expect(bounded, "the characters of a text of bounded length").toContain(String.raw`[^"\\\r\n]`);
  });
});

describe("XGrammar's refusals", () => {
  it("are written to the console's error before it aborts, in the form that complaintOf reads", async () => {
    complaints = [];
    await expect(library.Grammar.fromEBNF("root ::= unknown_rule")).rejects.toBeDefined();
    expect(complaints.map(complaintOf).filter((words) => words !== null)).not.toEqual([]);
  });
});
