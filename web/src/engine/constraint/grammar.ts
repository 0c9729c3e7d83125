/**
 * A constraint as a grammar of XGrammar: what production compiles, on every engine.
 *
 * XGrammar lets any number of blanks stand between two tokens of JSON, and a small model then writes blanks until
 * `max_tokens`. Here JSON has the blanks that are usual: one after a colon or a comma, or a new line and its indentation.
 */

import type { Grammar } from "@mlc-ai/web-xgrammar";
import { isRecord, type JsonRecord } from "../fields.ts";
import { splitAlternatives } from "./alternatives.ts";
import type { Format } from "./format.ts";
import type { XGrammar } from "./library.ts";

/** As deep as eight levels by two blanks, or by tabs; what is deeper is written less far to the right. */
const INDENT = '(" "{0,16} | "\\t"{0,8})';
/** One rule for all gaps: a copy at each, as XGrammar's own bound makes, takes ten times as long to compile. */
const GAPS = `
json_blank ::= "" | " "
json_gap ::= "" | " " | "\\n" ${INDENT} | " \\n" ${INDENT}
`;
/** How XGrammar writes a gap. Whatever else is written like that becomes stricter, and so is still of the schema. */
const ANY_BLANKS = "[ \\n\\t]*";

/** The grammar; the caller disposes it. What XGrammar refuses it aborts on: the instance is then not to be used again. */
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

/** JSON of this schema, as EBNF with `root`. Properties and items that the schema does not name are not allowed. */
export async function jsonGrammar(library: XGrammar, schema: string): Promise<string> {
  const grammar = await library.Testings._jsonSchemaToEBNF(schema);
  const bounded = grammar
    // A value and a colon or a comma: nobody breaks the line between those.
    .replaceAll(`${ANY_BLANKS} ":" ${ANY_BLANKS}`, 'json_blank ":" json_blank')
    .replaceAll(`${ANY_BLANKS} ","`, 'json_blank ","')
    .replaceAll(ANY_BLANKS, "json_gap")
    // A text of bounded length would have the characters that JSON does not allow in texts.
    .replaceAll(String.raw`[^"\\\r\n]`, String.raw`[^"\\\x00-\x1f]`);
  return splitAlternatives(bounded + GAPS);
}

/** A format of a structural tag whose JSON is described by grammars. */
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
