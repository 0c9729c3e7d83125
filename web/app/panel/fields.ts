/** Reads what a person entered into the settings of a conversation. */

/** Returns the number, `null` for an empty text, or `undefined` if it is not a number of the range. A comma may be the decimal point. */
export function readNumber(text: string, low: number, high: number, whole: boolean): number | null | undefined {
  if (text.trim() === "") return null;
  const value = Number(text.trim().replace(",", "."));
  if (!Number.isFinite(value) || value < low || value > high) return undefined;
  return whole && !Number.isInteger(value) ? undefined : value;
}

/** Returns the schema, `null` for an empty text, or as a text what is wrong with it. */
export function readSchema(text: string): Record<string, unknown> | null | string {
  if (text.trim() === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "a schema is an object: begin with { and end with }";
    return value as Record<string, unknown>;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const SCHEMA_EXAMPLE = JSON.stringify(
  { type: "object", properties: { answer: { type: "string" }, confidence: { type: "number" } }, required: ["answer", "confidence"] },
  null,
  2,
);
