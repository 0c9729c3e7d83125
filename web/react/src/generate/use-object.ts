/** useObject: an answer that fits a schema. */

import { useMemo } from "react";
import type { ConversationSettingsInput, Generated, PlainMessageInput } from "../actions.ts";
import { BrowserLLMError } from "../errors.ts";
import { useEvent } from "../provider.tsx";
import type { AnswerInfo } from "../state.ts";
import { useGeneration, type UseGenerationOptions } from "./use-generation.ts";

/** A value of which parts may not be there yet. */
export type DeepPartial<T> = T extends readonly (infer I)[] ? readonly DeepPartial<I>[] : T extends object ? { readonly [K in keyof T]?: DeepPartial<T[K]> } : T;

type JsonSchema = Readonly<Record<string, unknown>>;

/** A schema of a library that can say it as JSON Schema, such as Zod 4 (standardschema.dev). */
export interface StandardSchema<T> {
  readonly "~standard": {
    readonly types?: { readonly output: T } | undefined;
    readonly jsonSchema?: { readonly output: (options: { readonly target: "draft-2020-12" }) => JsonSchema };
  };
}

export interface UseObjectOptions<T> extends UseGenerationOptions {
  /** What the object must be like: a JSON Schema, or a schema of a library such as Zod 4. */
  readonly schema: JsonSchema | StandardSchema<T>;
  readonly settings?: Omit<ConversationSettingsInput, "schema"> | undefined;
  readonly initialValue?: DeepPartial<T> | undefined;
  /** Called with the whole object, or with the error. */
  readonly onFinish?: ((event: { readonly object: T | undefined; readonly error: BrowserLLMError | undefined }) => void) | undefined;
}

export interface UseObject<T> {
  /** The object so far. */
  readonly object: DeepPartial<T> | undefined;
  readonly isLoading: boolean;
  readonly error: BrowserLLMError | undefined;
  readonly answer: AnswerInfo | null;
  /** Ask for an object: with a prompt, messages, or a value, which is sent as JSON. Resolves with the object. */
  readonly submit: (input: unknown) => Promise<T | undefined>;
  /** Stop; what has arrived stays. */
  readonly stop: () => void;
  /** Stop, and take the object away. */
  readonly clear: () => void;
}

/** Ask the model for an object that fits a schema. It grows while the answer arrives. */
export function useObject<T = unknown>(options: UseObjectOptions<T>): UseObject<T> {
  const onError = useEvent((error: BrowserLLMError) => {
    options.onError?.(error);
    options.onFinish?.({ object: undefined, error });
  });
  const [generation, now] = useGeneration({ ...options, onError }, { value: options.initialValue });
  const finish = useEvent((generated: Generated) => { options.onFinish?.({ object: generated.value as T, error: undefined }); });
  const submit = useEvent(async (input: unknown) => {
    const { settings, schema } = options;
    const generated = await generation.start(() => ({ messages: messagesOf(input), settings: { ...settings, schema: jsonSchemaOf(schema) } }));
    if (!generated) return undefined;
    finish(generated);
    return generated.value as T;
  });
  return useMemo(() => {
    const { value, isLoading, error, answer } = now;
    return { object: value as DeepPartial<T> | undefined, isLoading, error, answer, submit, stop: generation.stop, clear: generation.clear };
  }, [now, submit, generation]);
}

function messagesOf(input: unknown): readonly PlainMessageInput[] {
  if (Array.isArray(input) && input.length > 0 && input.every(isMessage)) return input;
  const text = typeof input === "string" ? input : JSON.stringify(input);
  return [{ role: "user", parts: [{ type: "text", text }] }];
}

function isMessage(value: unknown): value is PlainMessageInput {
  return typeof value === "object" && value !== null && "role" in value && "parts" in value && Array.isArray(value.parts);
}

function jsonSchemaOf<T>(schema: JsonSchema | StandardSchema<T>): JsonSchema {
  if (!("~standard" in schema)) return schema;
  const { jsonSchema } = (schema as StandardSchema<T>)["~standard"];
  if (jsonSchema) return jsonSchema.output({ target: "draft-2020-12" });
  throw new BrowserLLMError({
    code: "invalid_request",
    title: "This schema cannot be used",
    message: "the schema's library cannot say it as JSON Schema",
    remedy: "Give a JSON Schema, or use a library with Standard JSON Schema such as Zod 4.2.",
    actions: [],
    data: {},
  });
}
