/** The browser's loaded model. Each request gets its own session, or the session that already has the conversation. */

import type { ChatOutcome, EmitText, FinishReason, LoadedModel } from "../engine.ts";
import type { Warning } from "../warning.ts";
import { PageError } from "../errors.ts";
import type { ChatRequest, CountRequest, HonouredOptions } from "../options.ts";
import { StopFilter } from "../text.ts";
import { readTurn, sameMessages, textMessages } from "./conversation.ts";
import type { LanguageModelMessage, LanguageModelParams } from "./idl.d.ts";
import type { LanguageModelLink } from "./link.ts";
import type { Operations, Sampling } from "./messages.ts";
import { chooseOptions, honouredBy } from "./options.ts";

type Created = Operations["create"]["value"];

/** A session and the messages that it holds. */
interface Conversation {
  readonly session: number;
  readonly sampling: Sampling | null;
  readonly messages: readonly LanguageModelMessage[];
  /** How many tokens of the context window it uses; null if the browser does not report it. */
  readonly usage: number | null;
}

/** Counts tokens as the browser does. For a text, it subtracts the tokens that the browser adds to each message. */
export class TokenMeter {
  readonly #link: LanguageModelLink;
  readonly #session: number;
  readonly #overhead: number;

  private constructor(link: LanguageModelLink, session: number, overhead: number) {
    this.#link = link;
    this.#session = session;
    this.#overhead = overhead;
  }

  static async start(link: LanguageModelLink, session: number, signal: AbortSignal): Promise<TokenMeter> {
    const empty = await link.ask("measure", { session, input: textMessages(""), constraint: null }, { signal });
    return new TokenMeter(link, session, empty ?? 0);
  }

  /** How many tokens of the context window an input takes; null if the browser does not report it. */
  input(input: readonly LanguageModelMessage[], constraint: object | null, signal: AbortSignal): Promise<number | null> {
    return this.#link.ask("measure", { session: this.#session, input, constraint }, { signal });
  }

  async text(text: string, signal: AbortSignal): Promise<number | null> {
    const measured = await this.input(textMessages(text), null, signal);
    return measured === null ? null : Math.max(0, measured - this.#overhead);
  }
}

export class PromptApiModel implements LoadedModel {
  readonly device = "browser";
  readonly adapter = null;
  readonly context_window: number | null;
  readonly input = ["text"] as const;
  readonly options: HonouredOptions;
  /** The browser does not report the loss of its model. */
  readonly lost = new Promise<never>(() => undefined);
  readonly #link: LanguageModelLink;
  /** An empty session that keeps the model in the browser's memory and counts tokens. */
  readonly #base: number;
  readonly #params: LanguageModelParams | null;
  readonly #meter: TokenMeter;
  #kept: Conversation | null = null;

  constructor(link: LanguageModelLink, base: Created, params: LanguageModelParams | null, meter: TokenMeter) {
    this.#link = link;
    this.#base = base.session;
    this.context_window = base.window;
    this.options = honouredBy(params);
    this.#params = params;
    this.#meter = meter;
  }

  async chat({ messages, options }: ChatRequest, emit: EmitText, signal: AbortSignal): Promise<ChatOutcome> {
    const { sampling, constraint } = chooseOptions(options, this.#params);
    const { history, input } = readTurn(messages);
    const answer = new Answer(this.#meter, options, emit, signal);
    let conversation: Conversation | null = null;
    let prompted: Prompted = { cached: 0, prompt: null };
    try {
      const kept = this.#take(history, sampling);
      conversation = kept ?? (await this.#begin(history, sampling, signal));
      prompted = await this.#fit(conversation, input, constraint, kept !== null, signal);
      const { session } = conversation;
      const listeners = { signal: answer.signal, onChunk: answer.add };
      const ended = await this.#link.ask("prompt", { session, input, constraint }, listeners);
      answer.complete();
      if (!ended.dropped && input.at(-1)?.prefix !== true) {
        const said: LanguageModelMessage = { role: "assistant", content: answer.text };
        this.#kept = { session, sampling, messages: [...history, ...input, said], usage: ended.usage };
        conversation = null;
      }
      const tokens = ended.usage === null || prompted.prompt === null ? null : ended.usage - prompted.prompt;
      return await answer.outcome(prompted, tokens, ended.dropped ? [DROPPED] : []);
    } catch (error) {
      if (answer.finished === null && !signal.aborted) throw error;
      return await answer.outcome(prompted, null, []);
    } finally {
      // After a stop, the session's messages are no longer those that the program knows.
      if (conversation !== null) this.#link.destroy(conversation.session);
    }
  }

  async countTokens(content: CountRequest["content"], signal: AbortSignal): Promise<number> {
    const counted =
      "text" in content
        ? await this.#meter.text(content.text, signal)
        : // Only a new session takes a system message: here it counts as a user message.
          await this.#meter.input(flatten(readTurn(content.messages)), null, signal);
    if (counted === null) throw new PageError("unsupported", "this browser does not count the tokens of a text");
    return counted;
  }

  embed(): Promise<never> {
    return Promise.reject(new PageError("unsupported", "the browser's model does not support embeddings; load a model for embeddings"));
  }

  unload(): Promise<void> {
    for (const session of [this.#kept?.session, this.#base]) if (session !== undefined) this.#link.destroy(session);
    this.#kept = null;
    return Promise.resolve();
  }

  /** Take the kept session if it has this history; destroy it otherwise. */
  #take(history: readonly LanguageModelMessage[], sampling: Sampling | null): Conversation | null {
    const kept = this.#kept;
    this.#kept = null;
    if (kept === null) return null;
    const same = kept.sampling?.temperature === sampling?.temperature && kept.sampling?.topK === sampling?.topK;
    if (same && sameMessages(kept.messages, history)) return kept;
    this.#link.destroy(kept.session);
    return null;
  }

  async #begin(history: readonly LanguageModelMessage[], sampling: Sampling | null, signal: AbortSignal): Promise<Conversation> {
    const { session, usage } = await this.#link.ask("create", { initialPrompts: history, sampling }, { signal });
    return { session, usage, sampling, messages: history };
  }

  /** Count the prompt's tokens. Too many are an error, because the browser would drop the oldest messages. */
  async #fit(
    { usage }: Conversation,
    input: readonly LanguageModelMessage[],
    constraint: object | null,
    kept: boolean,
    signal: AbortSignal,
  ): Promise<Prompted> {
    const asked = await this.#meter.input(input, constraint, signal);
    const prompt = asked === null || usage === null ? null : usage + asked;
    const window = this.context_window;
    if (prompt !== null && window !== null && prompt > window) {
      const message = `the prompt has ${prompt} tokens, and the context window of the browser's model has ${window}; shorten the conversation`;
      throw new PageError("context_exceeded", message, { prompt_tokens: prompt, context_window: window });
    }
    return { cached: kept ? (usage ?? 0) : 0, prompt };
  }
}

const DROPPED: Warning = {
  parameter: "messages",
  message: "the conversation did not fit into the context window of the browser's model, which dropped its oldest messages",
};

function flatten({ history, input }: ReturnType<typeof readTurn>): readonly LanguageModelMessage[] {
  return [...history, ...input].map(({ role, content }) => ({ role: role === "system" ? "user" : role, content }));
}

interface Prompted {
  readonly cached: number;
  readonly prompt: number | null;
}

/** An answer in progress: emits its text, searches it for stop texts, and ends it after `max_tokens`. */
class Answer {
  /** Ends the prompt: the caller's, or our own at a stop text or after `max_tokens`. */
  readonly signal: AbortSignal;
  finished: FinishReason | null = null;
  readonly #own = new AbortController();
  readonly #caller: AbortSignal;
  readonly #meter: TokenMeter;
  readonly #emit: EmitText;
  readonly #stops: StopFilter;
  readonly #most: number | null;
  readonly #pieces: string[] = [];
  #chars = 0;
  /** How many characters may arrive before the tokens are counted again. */
  #countAt: number;
  #counting = false;

  constructor(meter: TokenMeter, options: ChatRequest["options"], emit: EmitText, caller: AbortSignal) {
    this.signal = AbortSignal.any([caller, this.#own.signal]);
    this.#caller = caller;
    this.#meter = meter;
    this.#emit = emit;
    this.#stops = new StopFilter(options.stop ?? []);
    this.#most = options.max_tokens ?? null;
    this.#countAt = this.#most ?? Infinity;
  }

  get text(): string {
    return this.#pieces.join("");
  }

  readonly add = (text: string): void => {
    if (this.finished !== null) return;
    this.#pieces.push(text);
    this.#chars += text.length;
    const { text: shown, stopped } = this.#stops.push(text);
    this.#say(shown);
    if (stopped) this.#end("stop");
    else if (this.#chars >= this.#countAt && !this.#counting) void this.#count();
  };

  /** The model has ended by itself. */
  complete(): void {
    this.finished ??= "stop";
    this.#say(this.#stops.end());
  }

  /** `tokens`: the browser's count for an answer that was read to its end. */
  async outcome({ cached, prompt }: Prompted, tokens: number | null, warnings: readonly Warning[]): Promise<ChatOutcome> {
    const stopped = this.#caller.aborted && this.finished === null;
    if (!stopped && this.finished === "length") this.#say(this.#stops.end());
    const least = this.#pieces.length === 0 ? 0 : 1;
    const counted = tokens ?? (stopped ? null : await this.#meter.text(this.text, this.#caller).catch(() => null));
    const usage = {
      prompt_tokens: prompt ?? 0,
      completion_tokens: Math.max(least, counted ?? this.#pieces.length),
      cached_tokens: cached,
    };
    return { finish_reason: stopped ? "cancelled" : (this.finished ?? "stop"), usage, warnings };
  }

  /** A piece is about one token; the browser does not report the exact number. */
  #say(text: string): void {
    if (text !== "") this.#emit(text, 1);
  }

  #end(reason: FinishReason): void {
    this.finished = reason;
    this.#own.abort();
  }

  /** The browser has no option for the length of an answer, so its tokens are counted while it arrives, as rarely as possible. */
  async #count(): Promise<void> {
    const most = this.#most ?? Infinity;
    this.#counting = true;
    try {
      while (this.finished === null && this.#chars >= this.#countAt) {
        const chars = this.#chars;
        const counted = (await this.#meter.text(this.text, this.signal)) ?? this.#pieces.length;
        // A token almost always has at least one character.
        this.#countAt = chars + Math.max(0, most - counted);
        if (counted >= most) this.#end("length");
      }
    } catch {
      // The prompt has ended meanwhile.
    } finally {
      this.#counting = false;
    }
  }
}
