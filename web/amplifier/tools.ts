/** Tools of the page: functions that an agent calls. */

import type { PageToolInput } from "@browserllm/react/actions";
import { AmplifierError } from "./errors.ts";

/** What a running tool knows besides its arguments. */
export interface ToolContext {
  /** Aborted when the agent is cancelled. */
  readonly signal: AbortSignal;
}

export type ToolFunction = (args: Readonly<Record<string, unknown>>, context: ToolContext) => unknown;

export interface Tool {
  readonly name: string;
  /** What it does, for the model. */
  readonly description: string;
  /** A JSON Schema of the arguments: an object. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  /** May return a promise. The result must be JSON; what it throws is told to the model. */
  readonly execute: ToolFunction;
}

/** Check a tool, as its name is part of what a model writes. */
export function checkTool(tool: Tool): Tool {
  const given: unknown = tool;
  if (typeof given !== "object" || given === null) {
    throw new AmplifierError("invalid_request", `${String(given)} is not a tool; pass an object with name, description, schema and execute`, { data: { parameter: "tool" } });
  }
  if (typeof tool.name !== "string" || !/^[A-Za-z0-9_-]{1,64}$/.test(tool.name)) {
    throw new AmplifierError("invalid_request", `the tool's name ${JSON.stringify(tool.name)} is not valid; use 1 to 64 letters, digits, "_" and "-"`, { data: { parameter: "name" } });
  }
  if (typeof tool.execute !== "function") {
    throw new AmplifierError("invalid_request", `the tool ${tool.name} has no function; pass one as execute`, { data: { parameter: "execute" } });
  }
  const type = tool.schema?.type;
  if (type !== undefined && type !== "object") {
    throw new AmplifierError("invalid_request", `the schema of the tool ${tool.name} has the type ${JSON.stringify(type)}; write a JSON Schema of an object, whose properties are the arguments`, { data: { parameter: "schema" } });
  }
  return tool;
}

export function declared({ name, description, schema }: Tool): PageToolInput {
  return { name, description, ...(schema ? { parameters: schema } : {}) };
}

/** Run a tool; what it throws becomes a text for the model. */
export async function runTool(tool: Tool | undefined, args: Readonly<Record<string, unknown>>, context: ToolContext): Promise<{ value?: unknown; error?: string }> {
  if (!tool) return { error: "this page has no such tool" };
  try {
    const value: unknown = await tool.execute(args, context);
    const json = JSON.stringify(value ?? null) as string | undefined;
    return json === undefined ? { error: `the tool ${tool.name} returned a ${typeof value}, which is not JSON` } : { value: JSON.parse(json) as unknown };
  } catch (thrown) {
    return { error: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown) };
  }
}
