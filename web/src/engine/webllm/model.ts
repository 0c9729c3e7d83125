/** A model that WebLLM has loaded. */

import type { ChatCompletionChunk, MLCEngine } from "@mlc-ai/web-llm";
import { Constrainer, type Matcher } from "../constraint/constrainer.ts";
import { readFormat } from "../constraint/format.ts";
import { PageError } from "../errors.ts";
import { PROMPT_END, type ChatOutcome, type EmitText, type InputKind, type LoadedModel, type Usage } from "../engine.ts";
import { gpuError, type GpuWatch } from "../gpu.ts";
import { hasImages, seeImages, textOnly, toDataUrl } from "../images.ts";
import type { ChatOptions, ChatRequest, CountRequest, EmbedRequest, HonouredOptions, Message } from "../options.ts";
import type { TokenLogprob } from "../protocol.ts";
import { StopFilter } from "../text.ts";
import type { SpecialTokens } from "../../patches/web-llm/special-tokens.ts";
import { chatError } from "../../patches/web-llm/errors.ts";
import { readInternals, type Internals } from "../../patches/web-llm/internals.ts";
import { toWebLlm } from "./request.ts";
import { endOpenedThoughts, renderPrompt } from "../../patches/web-llm/template.ts";

export class WebLlmModel implements LoadedModel {
  readonly device = "webgpu";
  readonly adapter: string | null;
  readonly context_window: number | null;
  readonly input: readonly InputKind[];
  readonly options: HonouredOptions;
  readonly lost: Promise<string>;
  readonly #engine: MLCEngine;
  readonly #name: string;
  readonly #watch: GpuWatch;
  /** Only of an embedding model. */
  readonly #specialTokens: SpecialTokens | null;
  readonly #internals: Internals;
  readonly #constrainer: Constrainer;
  /** The signal of the running chat. */
  #signal: AbortSignal | null = null;

  constructor(engine: MLCEngine, name: string, watch: GpuWatch, specialTokens: SpecialTokens | null) {
    this.#engine = engine;
    this.#name = name;
    this.#watch = watch;
    this.#specialTokens = specialTokens;
    this.#internals = readInternals(engine, name);
    this.#internals.takeTextsLiterally();
    this.#internals.endAnswers();
    this.#internals.feedInPieces(() => { this.#signal?.throwIfAborted(); });
    this.#constrainer = new Constrainer(() => this.#internals.vocabulary() ?? unconstrainable(name));
    this.adapter = watch.adapter;
    this.context_window = this.#internals.contextWindow;
    this.options = this.#internals.template === null ? { thinking: false } : {};
    this.input = this.#internals.takesImages ? ["text", "image"] : ["text"];
    this.lost = new Promise((resolve) => {
      watch.onFault(({ reason }) => { resolve(reason); });
    });
  }

  async chat(request: ChatRequest, emit: EmitText, signal: AbortSignal): Promise<ChatOutcome> {
    if (this.#specialTokens !== null) throw new PageError("unsupported", `"${this.#name}" is an embedding model and cannot chat; load a chat model`);
    const format = readFormat(request.options.response_format);
    const seen = await this.#messages(request.messages, signal);
    if (seen === null) return { finish_reason: "cancelled", usage: NOTHING_USED, warnings: [] };
    const messages = endOpenedThoughts(this.#internals.template, seen);
    const { request: body, warnings } = toWebLlm({ ...request, messages }, format !== null);
    const interrupt = (): void => { void this.#engine.interruptGenerate(); };
    signal.addEventListener("abort", interrupt);
    this.#signal = signal;
    this.#internals.newPrompt();
    this.#internals.think(request.options.thinking);
    let matcher: Matcher | null = null;
    try {
      if (format !== null) {
        matcher = await this.#constrainer.start(format, signal);
        if (!this.#internals.constrain(matcher)) unconstrainable(this.#name);
      }
      const { finish, usage } = await this.#stream(body, request.options, emit, signal);
      const finish_reason = finish === "length" ? "length" : finish === "abort" ? "cancelled" : "stop";
      return { finish_reason, usage, warnings };
    } catch (error) {
      if (isStop(error, signal)) return { finish_reason: "cancelled", usage: NOTHING_USED, warnings };
      throw chatError(error, this.#internals.filled() ?? 0);
    } finally {
      if (matcher !== null) this.#internals.constrain(null);
      matcher?.end();
      this.#signal = null;
      signal.removeEventListener("abort", interrupt);
    }
  }

  /** The messages with every image's bytes in them; null when a stop came first. */
  async #messages(messages: readonly Message[], signal: AbortSignal): Promise<readonly Message[] | null> {
    if (!this.input.includes("image") || !hasImages(messages)) return textOnly(messages, this.#name);
    try {
      const seen = await seeImages(messages, signal);
      return await Promise.all(
        seen.map(async ({ role, content }) => {
          if (typeof content === "string") return { role, content };
          return { role, content: await Promise.all(content.map(async (part) => (part.type === "text" ? part : { ...part, url: await toDataUrl(part) }))) };
        }),
      );
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  async #stream(
    body: ReturnType<typeof toWebLlm>["request"],
    { stop = [], top_logprobs = 0 }: ChatOptions,
    emit: EmitText,
    signal: AbortSignal,
  ): Promise<{ finish: string | null; usage: Usage }> {
    const filter = new StopFilter(stop);
    let finish: string | null = null;
    let usage = NOTHING_USED;
    let emitted = "";
    let promptEnd: string | undefined;
    let begun = false;
    const stream = await this.#engine.chat.completions.create(body);
    const chunks = stream[Symbol.asyncIterator]();
    for (;;) {
      // A stop that came before the library cleared its flag would be lost: repeat it.
      if (signal.aborted) void this.#engine.interruptGenerate();
      const next: IteratorResult<ChatCompletionChunk, unknown> = await this.#guard(chunks.next());
      if (next.done === true) break;
      const { value } = next;
      if (value.usage !== undefined) usage = this.#readUsage(value.usage);
      const choice = value.choices[0];
      if (choice === undefined) continue;
      finish = choice.finish_reason ?? finish;
      if (choice.finish_reason !== null) continue;
      const { text } = filter.push(choice.delta.content ?? "");
      emitted += text;
      promptEnd = begun ? undefined : this.#internals.promptEnd()?.slice(-PROMPT_END);
      begun = true;
      emit(text, 1, choice.logprobs?.content?.map((entry) => toLogprob(entry, top_logprobs)) ?? [], promptEnd);
    }
    // What was held back because a stop text might begin there: the library's message has it, cut at the stop text.
    const message = await this.#engine.getMessage(this.#name);
    if (message.length > emitted.length && message.startsWith(emitted)) emit(message.slice(emitted.length), 0);
    // Only the end token, which is not kept, ends an answer by itself. After a stop text the KV cache holds other tokens
    // than the message has, and WebLLM would continue from there: a correct prompt matters more than a fast one. (After
    // "length" and "abort" it starts anew by itself.)
    const byItself = this.#internals.kept() === usage.completion_tokens - 1;
    if (finish === "stop" && !byItself) await this.#engine.resetChat(true, this.#name);
    return { finish, usage };
  }

  /** The library's prompt tokens are those it had to compute; the rest of the KV cache was there before. */
  #readUsage({ prompt_tokens, completion_tokens }: { prompt_tokens: number; completion_tokens: number }): Usage {
    const filled = this.#internals.filled();
    const decoded = this.#internals.decoded();
    const cached = filled === null || decoded === null ? 0 : Math.max(0, filled - decoded - prompt_tokens);
    return { prompt_tokens: prompt_tokens + cached, completion_tokens, cached_tokens: cached };
  }

  countTokens(content: CountRequest["content"]): Promise<number> {
    return new Promise((resolve) => { resolve(this.#count(content)); });
  }

  #count(content: CountRequest["content"]): number {
    const { template } = this.#internals;
    if ("messages" in content && this.input.includes("image") && hasImages(content.messages)) {
      throw new PageError("unsupported", "WebLLM does not report how many tokens an image has", { model: this.#name });
    }
    const texts = "text" in content ? [content.text] : template === null ? null : renderPrompt(template, endOpenedThoughts(template, textOnly(content.messages, this.#name)), content.thinking);
    let total = texts === null ? null : 0;
    for (const text of texts ?? []) {
      const tokens = this.#internals.countTokens(text);
      total = total === null || tokens === null ? null : total + tokens;
    }
    if (total === null) throw new PageError("unsupported", "this engine cannot count tokens of this model");
    return total;
  }

  async embed({ input }: EmbedRequest): Promise<{ vectors: readonly (readonly number[])[]; tokens: number }> {
    const special = this.#specialTokens;
    if (special === null) {
      throw new PageError("unsupported", `"${this.#name}" is not an embedding model; load one whose purpose is embedding`, { model: this.#name });
    }
    try {
      const tokens = input.map((text) => {
        const inner = this.#internals.encode(text);
        if (inner === null) throw new PageError("unsupported", "this engine cannot tokenize for this model");
        return [...special.before, ...inner, ...special.after];
      });
      const answer = await this.#guard(this.#engine.embeddings.create({ input: tokens }));
      return { vectors: answer.data.map(({ embedding }) => embedding), tokens: answer.usage.prompt_tokens };
    } catch (error) {
      throw chatError(error, 0);
    }
  }

  async unload(): Promise<void> {
    this.#constrainer.close();
    // After a loss there is nothing to wait for: the library has freed the model, and a second call fails.
    if (this.#watch.fault === null) await this.#engine.unload();
    else this.#engine.unload().catch(() => undefined);
    this.#watch.destroy();
  }

  #guard<T>(promise: Promise<T>): Promise<T> {
    return this.#watch.guard(promise, (fault) => gpuError(fault, this.#name));
  }
}

function unconstrainable(name: string): never {
  throw new PageError("unsupported", `"${name}" cannot be constrained by a 'response_format': WebLLM does not show how its tokens are written`);
}

/** Whether an error is our own stop, thrown between two pieces of a prompt or while a format was compiled. */
function isStop(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error === signal.reason;
}

/** WebLLM's entry, with `top` others. JSON has no minus infinity, which an impossible token has; OpenAI says -9999. */
function toLogprob(entry: TokenLogprob, top: number): TokenLogprob {
  const bound = (logprob: number): number => Math.max(logprob, -9999);
  const top_logprobs = entry.top_logprobs.slice(0, top).map((other) => ({ ...other, logprob: bound(other.logprob) }));
  return { ...entry, logprob: bound(entry.logprob), top_logprobs };
}

const NOTHING_USED: Usage = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 };
