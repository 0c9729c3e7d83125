/**
 * What: takes the EBNF that XGrammar makes of a JSON schema, and bounds the blanks between two tokens of JSON: one after
 * a colon or a comma, or a new line and its indentation.
 * Why: XGrammar allows any number of blanks there, and a small model then writes blanks until `max_tokens`. Its own bound
 * (newer versions) copies a rule to each gap, which takes ten times as long to compile. The EBNF comes from a function
 * that XGrammar exports for its tests (`Testings._jsonSchemaToEBNF`): there is no public one that gives text.
 * Upstream: mlc-ai/xgrammar#412.
 * Contract: tests/page/patches/xgrammar.test.ts.
 */

import { splitAlternatives } from "./alternatives.ts";
import type { XGrammar } from "./library.ts";

/** Eight levels deep, by two blanks or by tabs; deeper levels are indented less. */
const INDENT = '(" "{0,16} | "\\t"{0,8})';
/** One rule for all gaps: a copy at each, as XGrammar's own bound makes, takes ten times as long to compile. */
const GAPS = `
json_blank ::= "" | " "
json_gap ::= "" | " " | "\\n" ${INDENT} | " \\n" ${INDENT}
`;
/** How XGrammar writes a gap. Anything else that is written like this becomes stricter, and so still matches the schema. */
const ANY_BLANKS = "[ \\n\\t]*";

/** JSON of this schema, as EBNF with `root`. Properties and items that the schema does not name are not allowed. */
export async function jsonGrammar(library: XGrammar, schema: string): Promise<string> {
  const grammar = await library.Testings._jsonSchemaToEBNF(schema);
  const bounded = grammar
    // There is no line break between a value and a colon or a comma.
    .replaceAll(`${ANY_BLANKS} ":" ${ANY_BLANKS}`, 'json_blank ":" json_blank')
    .replaceAll(`${ANY_BLANKS} ","`, 'json_blank ","')
    .replaceAll(ANY_BLANKS, "json_gap")
    // A text of bounded length would have the characters that JSON does not allow in texts.
    .replaceAll(String.raw`[^"\\\r\n]`, String.raw`[^"\\\x00-\x1f]`);
  return splitAlternatives(bounded + GAPS);
}
