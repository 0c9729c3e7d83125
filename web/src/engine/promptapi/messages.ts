/** The messages between the engine in the worker and `LanguageModel` in the window, over their own port. */

import type { LanguageModelMessage, LanguageModelParams } from "./idl.d.ts";

/** Sampling options need `LanguageModel.params()` in the browser, and must be set together. */
export interface Sampling {
  readonly temperature: number;
  readonly topK: number;
}

export interface CreateArgs {
  readonly initialPrompts: readonly LanguageModelMessage[];
  readonly sampling: Sampling | null;
}

export interface PromptArgs {
  readonly session: number;
  readonly input: readonly LanguageModelMessage[];
  /** A JSON schema that the answer must fit. */
  readonly constraint: object | null;
}

export interface Operations {
  availability: { args: Record<string, never>; value: string };
  params: { args: Record<string, never>; value: LanguageModelParams | null };
  /** Progress: the fraction of the model that is downloaded. `usage`: tokens of the context window used by the initial prompts. */
  create: { args: CreateArgs; value: { readonly session: number; readonly window: number | null; readonly usage: number | null } };
  /** Chunks: the text as it arrives. `dropped`: the browser has dropped the oldest messages to make room. */
  prompt: { args: PromptArgs; value: { readonly usage: number | null; readonly dropped: boolean } };
  /** How many tokens of the context window an input takes; null if the browser does not report it. */
  measure: { args: PromptArgs; value: number | null };
}

export type ToLanguageModel =
  | { readonly [K in keyof Operations]: { readonly id: number; readonly op: K; readonly args: Operations[K]["args"] } }[keyof Operations]
  | { readonly op: "abort"; readonly id: number }
  | { readonly op: "destroy"; readonly session: number };

export type FromLanguageModel =
  | { readonly id: number; readonly type: "progress"; readonly loaded: number }
  | { readonly id: number; readonly type: "chunk"; readonly text: string }
  | { readonly id: number; readonly type: "result"; readonly value: unknown }
  | { readonly id: number; readonly type: "error"; readonly error: Fault };

/** A DOMException's fields; its name is the only code. */
export interface Fault {
  readonly name: string;
  readonly message: string;
  readonly requested: number | null;
  readonly quota: number | null;
}
