/** Turns a constraint into an XGrammar grammar, the same for every engine. */

import type { Grammar } from "@mlc-ai/web-xgrammar";
import { splitAlternatives } from "../../patches/xgrammar/alternatives.ts";
import { jsonGrammar } from "../../patches/xgrammar/json-grammar.ts";
import type { XGrammar } from "../../patches/xgrammar/library.ts";
import { isRecord, type JsonRecord } from "../fields.ts";
import type { Format } from "./format.ts";

/** The grammar; the caller disposes of it. XGrammar aborts on a grammar that it refuses: do not use that instance again. */
export async function toGrammar(library: XGrammar, format: Format): Promise<Grammar> {
  switch (format.type) {
    case "json":
      if (format.schema === null) return library.Grammar.fromEBNF(await jsonGrammar(library, "true"), "basic_object");
      return library.Grammar.fromEBNF(await jsonGrammar(library, format.schema));
    case "grammar":
      return library.Grammar.fromEBNF(splitAlternatives(format.grammar));
    case "structural_tag":
      return library.Grammar.fromStructuralTag({ ...format.tag, format: await withGrammars(library, format.tag["format"]) });
  }
}

/** Replace the JSON schemas in a format of a structural tag by grammars. */
async function withGrammars(library: XGrammar, format: unknown): Promise<unknown> {
  if (!isRecord(format)) return format;
  if (typeof format["grammar"] === "string") return { ...format, grammar: splitAlternatives(format["grammar"]) };
  if (format["type"] === "json_schema") return { type: "grammar", grammar: await jsonGrammar(library, JSON.stringify(format["json_schema"])) };
  const changed: Record<string, unknown> = { ...format };
  const all = (parts: readonly unknown[]): Promise<unknown[]> => Promise.all(parts.map((part) => withGrammars(library, part)));
  if (format["content"] !== undefined) changed["content"] = await withGrammars(library, format["content"]);
  for (const name of ["elements", "tags"]) if (Array.isArray(format[name])) changed[name] = await all(format[name] as readonly unknown[]);
  return changed satisfies JsonRecord;
}
