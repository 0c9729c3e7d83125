/** The request options that the browser's model accepts, and warnings for the others. */

import { readFormat } from "../constraint/format.ts";
import type { Warning } from "../engine.ts";
import { PageError } from "../errors.ts";
import type { ChatOptions } from "../options.ts";
import type { LanguageModelParams } from "./idl.d.ts";
import type { Sampling } from "./messages.ts";

export interface Chosen {
  readonly sampling: Sampling | null;
  readonly constraint: object | null;
  readonly warnings: readonly Warning[];
}

const NEVER = ["top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "thinking"] as const;

export function chooseOptions(options: ChatOptions, params: LanguageModelParams | null): Chosen {
  const names: string[] = NEVER.filter((name) => options[name] !== undefined && options[name] !== false);
  const asked = (["temperature", "top_k"] as const).filter((name) => options[name] !== undefined);
  if (params === null) names.push(...asked);
  return {
    sampling: params === null || asked.length === 0 ? null : sample(options, params),
    constraint: readConstraint(options),
    warnings: names.map((parameter) => ({ parameter, message: `the browser's model has no '${parameter}'; it was left out` })),
  };
}

/** The browser requires both together. */
function sample({ temperature, top_k }: ChatOptions, params: LanguageModelParams): Sampling {
  return {
    temperature: Math.min(temperature ?? params.defaultTemperature, params.maxTemperature),
    topK: Math.min(top_k ?? params.defaultTopK, params.maxTopK),
  };
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
