/** Parses a request's `response_format`, for all engines. */

import { invalid } from "../errors.ts";
import { isRecord, show, type JsonRecord } from "../fields.ts";

export type Format =
  /** JSON that fits a schema (given as text), or any JSON object if the schema is null. */
  | { readonly type: "json"; readonly schema: string | null }
  | { readonly type: "grammar"; readonly grammar: string }
  | { readonly type: "structural_tag"; readonly tag: JsonRecord };

const TAG_TYPES = [
  "any_text", "const_string", "grammar", "json_schema", "or", "qwen_xml_parameter", "regex", "sequence", "tag",
  "tags_with_separator", "triggered_tags",
];

/** The constraint, or null for free text. Schemas and tags may be objects or JSON texts; `json_schema` may be nested, as OpenAI's is. */
export function readFormat(format: JsonRecord | undefined): Format | null {
  if (format === undefined) return null;
  switch (format["type"]) {
    case "text":
      return null;
    case "json_object":
      return { type: "json", schema: format["schema"] === undefined ? null : readSchema(format["schema"]) };
    case "json_schema": {
      const inner = isRecord(format["json_schema"]) ? format["json_schema"] : format;
      if (inner["schema"] === undefined) throw wrong("'response_format' of type json_schema has no 'schema'");
      return { type: "json", schema: readSchema(inner["schema"]) };
    }
    case "grammar": {
      const grammar = format["grammar"];
      if (typeof grammar !== "string") throw wrong(`'response_format.grammar' must be text (EBNF), not ${show(grammar)}`);
      return { type: "grammar", grammar };
    }
    case "structural_tag":
      return { type: "structural_tag", tag: readTag(format["structural_tag"]) };
  }
  const types = "text, json_object, json_schema, grammar or structural_tag";
  throw wrong(`'response_format.type' must be ${types}, not ${show(format["type"])}`);
}

function readSchema(value: unknown): string {
  const schema = typeof value === "string" ? parse(value, "schema") : value;
  if (!isRecord(schema) && typeof schema !== "boolean") {
    throw wrong(`the schema of 'response_format' must be an object or a boolean, not ${show(value)}`);
  }
  return JSON.stringify(schema);
}

function readTag(value: unknown): JsonRecord {
  const tag = typeof value === "string" ? parse(value, "structural_tag") : value;
  if (!isRecord(tag) || !isRecord(tag["format"])) {
    throw wrong(`'response_format.structural_tag' must be an object with a 'format', not ${show(value)}`);
  }
  checkTag(tag["format"]);
  return tag;
}

/** XGrammar does not name an unknown type in its error. */
function checkTag(format: unknown): void {
  if (!isRecord(format) || !TAG_TYPES.includes(String(format["type"]))) {
    throw wrong(`a format of 'response_format.structural_tag' must be an object of one of the types ${TAG_TYPES.join(", ")}, not ${show(format)}`);
  }
  for (const inner of innerFormats(format)) checkTag(inner);
}

/** The formats inside a format of a structural tag. */
function innerFormats(format: JsonRecord): readonly unknown[] {
  const parts = (name: string): readonly unknown[] => (Array.isArray(format[name]) ? (format[name] as readonly unknown[]) : []);
  return [...(format["content"] === undefined ? [] : [format["content"]]), ...parts("elements"), ...parts("tags")];
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw wrong(`the ${name} of 'response_format' is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function wrong(message: string): Error {
  return invalid("response_format", message);
}
