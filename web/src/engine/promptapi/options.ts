/** The request options as the browser's model takes them. */

import { readFormat } from "../constraint/format.ts";
import { PageError } from "../errors.ts";
import type { ChatOptions, HonouredOptions } from "../options.ts";
import type { LanguageModelParams } from "./idl.d.ts";
import type { Sampling } from "./messages.ts";

export interface Chosen {
  readonly sampling: Sampling | null;
  readonly constraint: object | null;
}

/** What the browser's model changes about the options that its engine honours: pages may not set the sampling of every model. */
export function honouredBy(params: LanguageModelParams | null): HonouredOptions {
  return params === null ? { temperature: false, top_k: false } : { temperature: params.maxTemperature, top_k: params.maxTopK };
}

export function chooseOptions(options: ChatOptions, params: LanguageModelParams | null): Chosen {
  return { sampling: params === null ? null : sample(options, params), constraint: readConstraint(options) };
}

/** The browser requires both together. */
function sample({ temperature, top_k }: ChatOptions, params: LanguageModelParams): Sampling | null {
  if (temperature === undefined && top_k === undefined) return null;
  return { temperature: temperature ?? params.defaultTemperature, topK: top_k ?? params.defaultTopK };
}

function readConstraint(options: ChatOptions): object | null {
  const format = readFormat(options.response_format);
  if (format === null) return null;
  if (format.type !== "json") {
    const message = `the browser's model accepts a JSON schema and no ${format.type}; use response_format of type json_schema`;
    throw new PageError("invalid_request", message, { parameter: "response_format" });
  }
  const schema: unknown = format.schema === null ? { type: "object" } : JSON.parse(format.schema);
  if (typeof schema === "boolean") return schema ? {} : { not: {} };
  return schema as object;
}
