/** WorkerManager: a model of this page without an agent, for code that was written to `init`, `complete` and `completeStreaming`. */

import type { Generated, GenerateEvent, PlainMessageInput } from "@browserllm/react/actions";
import { baseOf, serviceFor, type Service } from "../widget/service.ts";
import { tell } from "./callbacks.ts";
import { amplifierError } from "./errors.ts";
import { defaultModel, loadFirst, type OnLoading } from "./loading.ts";

export interface CompletionMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface CompletionRequest {
  readonly messages: readonly CompletionMessage[];
  readonly temperature?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer in the form of OpenAI's chat completions. */
export interface Completion {
  readonly id: string;
  readonly object: "chat.completion";
  readonly model: string | null;
  readonly choices: readonly [{ readonly index: 0; readonly message: { readonly role: "assistant"; readonly content: string }; readonly finish_reason: string | null }];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
}

/** A piece of an answer. After a `restart` it begins anew, with another model: what came before is void. */
export interface Delta {
  readonly type: "delta" | "restart";
  readonly content: string;
}

export class WorkerManager {
  readonly #service: Service;
  #model: string | null = null;
  #count = 0;

  constructor({ base = new URL(/* @vite-ignore */ "./", import.meta.url).href }: { readonly base?: string | undefined } = {}) {
    this.#service = serviceFor(baseOf(base));
  }

  /** Start the engine, and load the model or the first of `fallback` that can be loaded; resolves with its id. */
  async init({ model, fallback = [], onProgress, signal }: { readonly model?: string; readonly fallback?: readonly string[]; readonly onProgress?: OnLoading; readonly signal?: AbortSignal } = {}): Promise<string | null> {
    try {
      await this.#service.start(signal);
      const chain = [model ?? defaultModel(this.#service), ...fallback];
      const first = await loadFirst(this.#service, chain, onProgress ?? ((): void => undefined), signal);
      this.#model = chain[first.passed] ?? null;
      return first.model;
    } catch (error) {
      throw amplifierError(error);
    }
  }

  /** Answer messages; the last one is the user's. */
  complete(request: CompletionRequest): Promise<Completion> {
    return this.completeStreaming(request, () => undefined);
  }

  /** Answer messages, with each piece of text as it comes; resolves with the whole. */
  async completeStreaming({ messages, temperature, max_tokens: maxTokens, signal }: CompletionRequest, onChunk: (chunk: Delta) => void): Promise<Completion> {
    const settings = { ...(this.#model === null ? {} : { model: this.#model }), ...(temperature === undefined ? {} : { temperature }), ...(maxTokens === undefined ? {} : { maxTokens }) };
    const onEvent = ({ type, text }: GenerateEvent): void => {
      if (type === "text") tell(onChunk, { type: "delta", content: text });
      else if (type === "restart") tell(onChunk, { type: "restart", content: "" });
    };
    try {
      const given = { messages: messages.map(plain), settings };
      const answer = await this.#service.answer(this.#service.call("generate", given, { signal, onEvent }));
      this.#count += 1;
      return completion(answer, `chat-${this.#count}`);
    } catch (error) {
      throw amplifierError(error);
    }
  }
}

function plain({ role, content }: CompletionMessage): PlainMessageInput {
  return { role, parts: [{ type: "text", text: content }] };
}

function completion({ text, answer }: Generated, id: string): Completion {
  const { promptTokens, completionTokens } = answer;
  return {
    id,
    object: "chat.completion",
    model: answer.model,
    choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: answer.finishReason }],
    usage: { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens },
  };
}
