/** What an inference runtime must offer. Nothing here belongs to one runtime; see registry.ts for the engines. */

import type { Device, LoadRequest, Phase, TokenLogprob } from "./protocol.ts";
import type { ChatRequest, CountRequest, EmbedRequest, HonouredOptions } from "./options.ts";
import type { Warning } from "./warning.ts";

export interface LoadProgress {
  readonly phase: Exclude<Phase, "queued" | "verifying">;
  /** 0..1, or null where the runtime does not know. */
  readonly fraction: number | null;
  readonly text: string;
  readonly loaded_bytes?: number | null;
  readonly total_bytes?: number | null;
}

export interface LoadContext {
  /** The URL that relative URLs of the artifact are resolved against. */
  readonly base: string;
  readonly signal: AbortSignal;
  readonly report: (progress: LoadProgress) => void;
}

export interface Engine {
  /**
   * Load a model. When `signal` fires, reject with a `cancelled` PageError once all memory is freed.
   * Failures reject with a PageError and leave nothing behind; the engine can load again.
   */
  load(request: LoadRequest, context: LoadContext): Promise<LoadedModel>;
  /** Of an engine whose model the browser keeps: `unavailable`, `downloadable`, `downloading` or `available`. */
  availability?(): Promise<string>;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** Prompt tokens that did not have to be computed again. */
  readonly cached_tokens: number;
}

export type FinishReason = "stop" | "length" | "cancelled";

export interface ChatOutcome {
  readonly finish_reason: FinishReason;
  readonly usage: Usage;
  readonly warnings: readonly Warning[];
}

/**
 * Receives text as it is generated: `tokens` is how many tokens the text stands for. `promptEnd`, with the first of it, is
 * how the prompt ended: a template may have begun a thought there.
 */
export type EmitText = (text: string, tokens: number, logprobs?: readonly TokenLogprob[], promptEnd?: string) => void;

/** How much of a prompt `promptEnd` is, in characters: more than any opening mark has. */
export const PROMPT_END = 64;

export type InputKind = "text" | "image";

export interface LoadedModel {
  readonly device: Device;
  /** The GPU in words, or null on the CPU. */
  readonly adapter: string | null;
  readonly context_window: number | null;
  /** The parts that a chat may have; an embedding model takes text. */
  readonly input: readonly InputKind[];
  /** What this model changes about the options that its engine honours. */
  readonly options?: HonouredOptions;
  /** Settles only when the model is gone by itself (a lost GPU device), with the reason; see also `unload`. */
  readonly lost: Promise<string>;

  /** Generate. When `signal` fires, end soon with finish reason `cancelled`; the next chat works at once. */
  chat(request: ChatRequest, emit: EmitText, signal: AbortSignal): Promise<ChatOutcome>;
  countTokens(content: CountRequest["content"], signal: AbortSignal): Promise<number>;
  embed(request: EmbedRequest, signal: AbortSignal): Promise<{ vectors: readonly (readonly number[])[]; tokens: number }>;
  /** Free everything the model holds; safe to call twice and after a loss. */
  unload(): Promise<void>;
}
