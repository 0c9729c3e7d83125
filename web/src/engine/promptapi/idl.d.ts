/**
 * The types of the Prompt API, after the IDL of its draft: https://webmachinelearning.github.io/prompt-api/#idl-index
 * (Draft Community Group Report, 11 August 2026), and of the shared infrastructure in
 * https://webmachinelearning.github.io/writing-assistance-apis/ (CreateMonitor, Availability, DestroyableModel).
 *
 * What the draft marks as deprecated is in extensions alone, and what it marks as experimental in few contexts: those are optional here.
 */

export type Availability = "unavailable" | "downloadable" | "downloading" | "available";

export type LanguageModelMessageRole = "system" | "user" | "assistant";

export interface LanguageModelMessageContent {
  readonly type: "text" | "image" | "audio" | "tool-call" | "tool-response";
  readonly value: unknown;
}

export interface LanguageModelMessage {
  readonly role: LanguageModelMessageRole;
  readonly content: string | readonly LanguageModelMessageContent[];
  readonly prefix?: boolean;
}

export type LanguageModelPrompt = string | readonly LanguageModelMessage[];

export interface LanguageModelExpected {
  readonly type: LanguageModelMessageContent["type"];
  readonly languages?: readonly string[];
}

export interface LanguageModelCreateCoreOptions {
  /** Deprecated: in extensions alone. */
  readonly topK?: number;
  /** Deprecated: in extensions alone. */
  readonly temperature?: number;
  readonly expectedInputs?: readonly LanguageModelExpected[];
  readonly expectedOutputs?: readonly LanguageModelExpected[];
}

/** `loaded` is a fraction of `total`, which is 1. */
export interface DownloadProgressEvent extends Event {
  readonly loaded: number;
  readonly total: number;
}

export interface CreateMonitor extends EventTarget {
  addEventListener(type: "downloadprogress", listener: (event: DownloadProgressEvent) => void): void;
}

export interface LanguageModelCreateOptions extends LanguageModelCreateCoreOptions {
  readonly signal?: AbortSignal;
  readonly monitor?: (monitor: CreateMonitor) => void;
  readonly initialPrompts?: readonly LanguageModelMessage[];
}

export interface LanguageModelPromptOptions {
  /** A JSON schema or a RegExp. */
  readonly responseConstraint?: object;
  readonly omitResponseConstraintInput?: boolean;
  readonly signal?: AbortSignal;
}

/** Deprecated: in extensions alone. */
export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

/** A session: a conversation with the browser's model. */
export interface LanguageModel extends EventTarget {
  prompt(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<string>;
  promptStreaming(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): ReadableStream<string>;
  append(input: LanguageModelPrompt, options?: { readonly signal?: AbortSignal }): Promise<undefined>;
  measureContextUsage?(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<number>;
  readonly contextUsage?: number;
  /** May be Infinity. */
  readonly contextWindow?: number;
  addEventListener(type: "contextoverflow" | "quotaoverflow", listener: () => void): void;
  /** Deprecated, as are the next two: the names of browsers before the rename, and of extensions. */
  measureInputUsage?(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<number>;
  readonly inputUsage?: number;
  readonly inputQuota?: number;
  clone(options?: { readonly signal?: AbortSignal }): Promise<LanguageModel>;
  destroy(): void;
}

/** `LanguageModel` itself, in windows of secure contexts. */
export interface LanguageModelStatic {
  create(options?: LanguageModelCreateOptions): Promise<LanguageModel>;
  availability(options?: LanguageModelCreateCoreOptions): Promise<Availability>;
  /** Experimental, and in extensions: null where there are no parameters. */
  params?(): Promise<LanguageModelParams | null>;
}

/** The DOMException of a prompt that is too large. */
export interface QuotaExceededError extends Error {
  readonly quota?: number | null;
  readonly requested?: number | null;
}
