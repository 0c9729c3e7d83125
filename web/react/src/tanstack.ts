/**
 * browserllmConnection: lets UIs of TanStack AI, and others that speak AG-UI, run on the models of this page.
 *
 * It has the shape of TanStack AI's `ConnectionAdapter` and sends AG-UI's events; no library is needed here.
 */

import type { ConversationSettingsInput, GenerateEvent, Generated, PlainMessageInput, UserPart } from "./actions.ts";
import type { AppClient } from "./client.ts";
import { asError, isCancelled } from "./failures.ts";
import { filePart } from "./file-part.ts";
import { newId } from "./ids.ts";
import type { AnswerInfo } from "./state.ts";

/** What this connection sends of AG-UI's events. */
export type AGUIEvent = { readonly timestamp: number } & (
  | { readonly type: "RUN_STARTED"; readonly threadId: string; readonly runId: string }
  | { readonly type: "TEXT_MESSAGE_START"; readonly messageId: string; readonly role: "assistant" }
  | { readonly type: "REASONING_MESSAGE_START"; readonly messageId: string; readonly role: "reasoning" }
  | { readonly type: "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT"; readonly messageId: string; readonly delta: string }
  | { readonly type: "TEXT_MESSAGE_END" | "REASONING_MESSAGE_END"; readonly messageId: string }
  | { readonly type: "CUSTOM"; readonly name: string; readonly value: unknown }
  | {
      readonly type: "RUN_FINISHED";
      readonly threadId: string;
      readonly runId: string;
      readonly model: string;
      readonly finishReason: "stop" | "length" | "content_filter" | "tool_calls";
      readonly usage: { readonly promptTokens: number; readonly completionTokens: number; readonly totalTokens: number };
      /** Who gave the answer, and what it took. */
      readonly result: { readonly answer: AnswerInfo };
    }
  | { readonly type: "RUN_ERROR"; readonly threadId: string; readonly runId: string; readonly message: string; readonly code: string }
);

export interface ConnectionOptions {
  /** The client of the app, or a promise of it, as `connect` returns it. */
  readonly client: AppClient | Promise<AppClient>;
  /** What requests carry: the model, a system prompt, sampling. A function is asked for each request, with its data. */
  readonly settings?: ConversationSettingsInput | ((data: Readonly<Record<string, unknown>> | undefined) => ConversationSettingsInput) | undefined;
}

interface RunContext {
  readonly threadId: string;
  readonly runId: string;
}

export interface BrowserLLMConnection {
  /** Answer the messages, which may be TanStack AI's UI or model messages, or AG-UI's. Aborting stops the model. */
  connect: <E = AGUIEvent>(
    messages: readonly object[],
    data?: Readonly<Record<string, unknown>>,
    abortSignal?: AbortSignal,
    runContext?: RunContext,
  ) => AsyncIterable<E>;
}

/** A connection for `useChat({ connection })` of `@tanstack/ai-react`. */
export function browserllmConnection({ client, settings }: ConnectionOptions): BrowserLLMConnection {
  return {
    connect: <E>(messages: readonly object[], data?: Readonly<Record<string, unknown>>, abortSignal?: AbortSignal, run?: RunContext) => {
      const own = typeof settings === "function" ? settings(data) : (settings ?? {});
      const plain = messages.map((message) => plainMessage(message)).filter(({ parts }) => parts.length > 0);
      return events(client, plain, own, abortSignal, run ?? { threadId: newId(), runId: newId() }) as AsyncIterable<E>;
    },
  };
}

async function* events(
  client: AppClient | Promise<AppClient>,
  messages: readonly PlainMessageInput[],
  settings: ConversationSettingsInput,
  outer: AbortSignal | undefined,
  { threadId, runId }: RunContext,
): AsyncGenerator<AGUIEvent> {
  const abort = new AbortController();
  const signal = outer ? AbortSignal.any([outer, abort.signal]) : abort.signal;
  const queue = new Queue<AGUIEvent>();
  const writer = new EventWriter((event) => { queue.push({ ...event, timestamp: Date.now() }); });
  queue.push({ type: "RUN_STARTED", threadId, runId, timestamp: Date.now() });
  const answer = async (): Promise<void> => {
    try {
      const onEvent = (event: GenerateEvent): void => { writer.take(event); };
      const generated = await (await client).call("generate", { messages, settings }, { signal, onEvent });
      writer.finish(generated, threadId, runId);
    } catch (thrown) {
      const { message, code } = asError(thrown);
      if (!isCancelled(thrown)) writer.fail(message, code, threadId, runId);
    }
    queue.end();
  };
  void answer();
  try {
    yield* queue;
  } finally {
    abort.abort();
  }
}

type Event = AGUIEvent extends infer E ? (E extends unknown ? Omit<E, "timestamp"> : never) : never;

/** Turns the events of an answer into those of AG-UI: each message has a begin and an end. */
class EventWriter {
  readonly #write: (event: Event) => void;
  #messageId = newId();
  #open: { readonly kind: "TEXT" | "REASONING"; readonly messageId: string } | null = null;

  constructor(write: (event: Event) => void) {
    this.#write = write;
  }

  take({ type, text }: GenerateEvent): void {
    if (type === "text") this.#delta("TEXT", text);
    else if (type === "reasoning") this.#delta("REASONING", text);
    else if (type === "restart") this.#restart();
  }

  finish({ text, value, answer }: Generated, threadId: string, runId: string): void {
    this.#end();
    if (value !== null) this.#write({ type: "CUSTOM", name: "structured-output.complete", value: { object: value, raw: text, messageId: this.#messageId } });
    const { promptTokens, completionTokens } = answer;
    this.#write({
      type: "RUN_FINISHED",
      threadId,
      runId,
      model: answer.model ?? answer.backend,
      finishReason: finishReason(answer.finishReason),
      usage: { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens },
      result: { answer },
    });
  }

  fail(message: string, code: string, threadId: string, runId: string): void {
    this.#end();
    this.#write({ type: "RUN_ERROR", threadId, runId, message, code });
  }

  #delta(kind: "TEXT" | "REASONING", delta: string): void {
    if (this.#open?.kind !== kind) {
      this.#end();
      const messageId = kind === "TEXT" ? this.#messageId : newId();
      this.#open = { kind, messageId };
      if (kind === "TEXT") this.#write({ type: "TEXT_MESSAGE_START", messageId, role: "assistant" });
      else this.#write({ type: "REASONING_MESSAGE_START", messageId, role: "reasoning" });
    }
    this.#write({ type: `${kind}_MESSAGE_CONTENT`, messageId: this.#open.messageId, delta });
  }

  /** Another backend answers from the beginning. Text cannot be taken back, so the new answer is a message of its own. */
  #restart(): void {
    this.#end();
    this.#messageId = newId();
  }

  #end(): void {
    if (this.#open) this.#write({ type: `${this.#open.kind}_MESSAGE_END`, messageId: this.#open.messageId });
    this.#open = null;
  }
}

function finishReason(reason: string | null): "stop" | "length" | "content_filter" | "tool_calls" {
  return reason === "length" || reason === "content_filter" || reason === "tool_calls" ? reason : "stop";
}

/** What is pushed, for `for await`. */
class Queue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #isDone = false;
  #wake: () => void = () => undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#isDone = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      yield* this.#items.splice(0);
      if (this.#items.length > 0) continue;
      if (this.#isDone) return;
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }
}

interface AnyPart {
  readonly type: string;
  readonly content?: string;
  readonly text?: string;
  readonly source?: { readonly type: "data" | "url"; readonly value: string; readonly mimeType?: string };
}

/** UI messages have `parts`, model messages and those of AG-UI have `content`: a text, or parts. */
function plainMessage(message: object): PlainMessageInput {
  const { role, parts, content } = message as { readonly role?: string; readonly parts?: readonly AnyPart[]; readonly content?: string | readonly AnyPart[] | null };
  const given = parts ?? content ?? [];
  const own = typeof given === "string" ? [{ type: "text", content: given }] : given;
  return { role: role === "assistant" || role === "system" ? role : "user", parts: role === "tool" ? [] : own.flatMap(plainPart) };
}

function plainPart({ type, content, text, source }: AnyPart): UserPart[] {
  if (type === "text") {
    const own = content ?? text ?? "";
    return own === "" ? [] : [{ type: "text", text: own }];
  }
  if (!source) return [];
  const mediaType = source.mimeType ?? (type === "image" ? "image/*" : "application/octet-stream");
  const url = source.type === "data" ? `data:${mediaType};base64,${source.value}` : source.value;
  return [filePart(url, mediaType)];
}
