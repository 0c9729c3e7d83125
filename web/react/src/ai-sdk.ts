/**
 * BrowserLLMChatTransport: lets UIs that are written for `useChat` of `@ai-sdk/react` run on the models of this page.
 *
 * It has the shape of AI SDK 7's `ChatTransport`; the library itself is not needed here.
 */

import type { ConversationSettingsInput, GenerateEvent, PlainMessageInput, UserPart } from "./actions.ts";
import type { AppClient } from "./client.ts";
import { asError, isCancelled } from "./failures.ts";
import { filePart } from "./file-part.ts";
import { newId } from "./ids.ts";
import type { AnswerInfo } from "./state.ts";

/** What this transport sends of AI SDK's `UIMessageChunk`. */
export type BrowserLLMChunk =
  | { type: "start"; messageId?: string }
  | { type: "start-step" }
  | { type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; id: string }
  | { type: "text-delta" | "reasoning-delta"; id: string; delta: string }
  | { type: "data-object"; id: string; data: unknown }
  | { type: "finish-step" }
  | { type: "finish"; finishReason?: "stop" | "length" | "content-filter" | "tool-calls" | "error" | "other"; messageMetadata?: BrowserLLMMetadata }
  | { type: "abort" }
  | { type: "error"; errorText: string };

/** The metadata of each answer: who gave it, and what it took. */
export interface BrowserLLMMetadata {
  readonly answer: AnswerInfo;
}

/** A message of AI SDK, as far as models can read it. */
interface AnyMessage {
  readonly id: string;
  readonly role: "system" | "user" | "assistant";
  readonly parts: readonly AnyPart[];
}

interface AnyPart {
  readonly type: string;
}

export interface ChatTransportOptions {
  /** The client of the app, or a promise of it, as `connect` returns it. */
  readonly client: AppClient | Promise<AppClient>;
  /** What requests carry: the model, a system prompt, sampling. A function is asked for each request, with its `body`. */
  readonly settings?: ConversationSettingsInput | ((request: { readonly body: object | undefined }) => ConversationSettingsInput) | undefined;
}

export class BrowserLLMChatTransport {
  readonly #client: AppClient | Promise<AppClient>;
  readonly #settings: ChatTransportOptions["settings"];

  constructor({ client, settings }: ChatTransportOptions) {
    this.#client = client;
    this.#settings = settings;
  }

  /** Answer the messages. Aborting stops the model. */
  readonly sendMessages = async (options: {
    readonly messages: readonly AnyMessage[];
    readonly abortSignal: AbortSignal | undefined;
    readonly body?: object | undefined;
  }): Promise<ReadableStream<BrowserLLMChunk>> => {
    const client = await this.#client;
    const settings = typeof this.#settings === "function" ? this.#settings({ body: options.body }) : (this.#settings ?? {});
    const messages = options.messages.map(plainMessage).filter(({ parts }) => parts.length > 0);
    return answerStream(client, messages, settings, options.abortSignal);
  };

  /** Answers end with the page, so there is nothing to reconnect to. */
  readonly reconnectToStream = (): Promise<null> => Promise.resolve(null);
}

function answerStream(
  client: AppClient,
  messages: readonly PlainMessageInput[],
  settings: ConversationSettingsInput,
  outer: AbortSignal | undefined,
): ReadableStream<BrowserLLMChunk> {
  const abort = new AbortController();
  const signal = outer ? AbortSignal.any([outer, abort.signal]) : abort.signal;
  return new ReadableStream<BrowserLLMChunk>({
    async start(controller) {
      const writer = new ChunkWriter((chunk) => { if (!abort.signal.aborted) controller.enqueue(chunk); });
      writer.start();
      try {
        const onEvent = (event: GenerateEvent): void => { writer.take(event); };
        const { answer } = await client.call("generate", { messages, settings }, { signal, onEvent });
        writer.finish(answer);
      } catch (thrown) {
        if (isCancelled(thrown)) writer.abort();
        else writer.fail(asError(thrown).message);
      }
      if (!abort.signal.aborted) controller.close();
    },
    cancel() {
      abort.abort();
    },
  });
}

/** Turns the events of an answer into chunks: each block has a begin and an end. */
class ChunkWriter {
  readonly #write: (chunk: BrowserLLMChunk) => void;
  #open: { readonly type: "text" | "reasoning"; readonly id: string } | null = null;
  readonly #objectId = newId();
  #hasStarted = false;

  constructor(write: (chunk: BrowserLLMChunk) => void) {
    this.#write = write;
  }

  start(): void {
    this.#write({ type: "start" });
    this.#write({ type: "start-step" });
  }

  take({ type, text, value }: GenerateEvent): void {
    if (type === "object") this.#write({ type: "data-object", id: this.#objectId, data: value });
    else if (type === "restart") this.#restart();
    else if (type !== "start") this.#delta(type, text);
  }

  finish(answer: AnswerInfo): void {
    this.#end();
    this.#write({ type: "finish-step" });
    this.#write({ type: "finish", finishReason: finishReason(answer.finishReason), messageMetadata: { answer } });
  }

  abort(): void {
    this.#end();
    this.#write({ type: "abort" });
  }

  fail(errorText: string): void {
    this.#end();
    this.#write({ type: "error", errorText });
  }

  #delta(type: "text" | "reasoning", delta: string): void {
    if (this.#open?.type !== type) {
      this.#end();
      this.#open = { type, id: newId() };
      this.#write({ type: `${type}-start`, id: this.#open.id });
    }
    this.#hasStarted = true;
    this.#write({ type: `${type}-delta`, id: this.#open.id, delta });
  }

  /** Another backend answers from the beginning. AI SDK cannot take text back, so the new answer stands below the old one. */
  #restart(): void {
    if (!this.#hasStarted) return;
    this.#end();
    this.#write({ type: "finish-step" });
    this.#write({ type: "start-step" });
  }

  #end(): void {
    if (this.#open) this.#write({ type: `${this.#open.type}-end`, id: this.#open.id });
    this.#open = null;
  }
}

function finishReason(reason: string | null): "stop" | "length" | "content-filter" | "tool-calls" | "other" {
  switch (reason) {
    case "stop":
    case "length":
      return reason;
    case "content_filter":
      return "content-filter";
    case "tool_calls":
      return "tool-calls";
    default:
      return "other";
  }
}

/** Texts and files: models are not told of their own reasoning, steps and tools of earlier answers. */
function plainMessage({ role, parts }: AnyMessage): PlainMessageInput {
  return { role, parts: parts.flatMap(plainPart) };
}

function plainPart(part: AnyPart): UserPart[] {
  const { type, text, mediaType, url, filename } = part as AnyPart & { readonly [K in "text" | "mediaType" | "url" | "filename"]?: string };
  if (type === "text") return text ? [{ type: "text", text }] : [];
  return type === "file" && mediaType !== undefined && url !== undefined ? [filePart(url, mediaType, filename)] : [];
}
