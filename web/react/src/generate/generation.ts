/** One request at a time without a conversation: what `useCompletion` and `useObject` hold between renders. */

import type { Generate, GenerateEvent, Generated } from "../actions.ts";
import type { AppClient } from "../client.ts";
import { Throttle } from "../chat/throttle.ts";
import type { BrowserLLMError } from "../errors.ts";
import { asError, isCancelled } from "../failures.ts";
import { Listeners } from "../listeners.ts";
import type { AnswerInfo } from "../state.ts";

export interface GenerationSnapshot {
  readonly text: string;
  readonly reasoning: string;
  /** The object so far, for requests with a schema. */
  readonly value: unknown;
  readonly isLoading: boolean;
  readonly error: BrowserLLMError | undefined;
  /** Who gave the last answer, and what it took. */
  readonly answer: AnswerInfo | null;
}

export interface GenerationOptions {
  /** Render at most this often, in milliseconds. */
  readonly throttle?: number | undefined;
  readonly onError?: ((error: BrowserLLMError) => void) | undefined;
}

const EMPTY: GenerationSnapshot = { text: "", reasoning: "", value: undefined, isLoading: false, error: undefined, answer: null };

export class Generation {
  options: GenerationOptions = {};
  readonly #client: AppClient;
  readonly #listeners = new Listeners();
  readonly #throttle = new Throttle(() => { this.#tell(); });
  #shown: GenerationSnapshot;
  #now: GenerationSnapshot;
  #abort: AbortController | null = null;

  constructor(client: AppClient, initial: Partial<GenerationSnapshot>) {
    this.#client = client;
    this.#now = this.#shown = { ...EMPTY, ...initial };
  }

  readonly getSnapshot = (): GenerationSnapshot => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Answer what `request` returns; a request in progress is stopped. Resolves with `undefined` if it failed or was stopped. */
  async start(request: () => Generate): Promise<Generated | undefined> {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    const isCurrent = (): boolean => this.#abort === abort;
    this.#set({ ...EMPTY, isLoading: true });
    try {
      const onEvent = (event: GenerateEvent): void => { if (isCurrent()) this.#take(event); };
      const generated = await this.#client.call("generate", request(), { signal: abort.signal, onEvent });
      if (!isCurrent()) return undefined;
      const { text, reasoning, answer } = generated;
      this.#set({ text, reasoning, value: generated.value ?? undefined, answer, isLoading: false });
      return generated;
    } catch (thrown) {
      if (isCurrent()) this.#end(thrown);
      return undefined;
    } finally {
      if (isCurrent()) this.#abort = null;
    }
  }

  /** Stop the request in progress; what has arrived stays. */
  readonly stop = (): void => {
    this.#abort?.abort();
  };

  readonly set = (change: Partial<GenerationSnapshot>): void => { this.#set(change); };

  /** Stop, and begin anew. */
  readonly clear = (): void => {
    this.#abort?.abort();
    this.#abort = null;
    this.#set(EMPTY);
  };

  #take(event: GenerateEvent): void {
    const { text, reasoning } = this.#now;
    // `restart`: another backend answers from the beginning.
    if (event.type === "restart") this.#now = { ...EMPTY, isLoading: true };
    else if (event.type === "text") this.#now = { ...this.#now, text: text + event.text };
    else if (event.type === "reasoning") this.#now = { ...this.#now, reasoning: reasoning + event.text };
    else if (event.type === "object") this.#now = { ...this.#now, value: event.value };
    else return;
    this.#throttle.soon(this.options.throttle ?? 0);
  }

  #end(thrown: unknown): void {
    const error = isCancelled(thrown) ? undefined : asError(thrown);
    this.#set({ isLoading: false, error });
    if (error) this.options.onError?.(error);
  }

  #set(change: Partial<GenerationSnapshot>): void {
    this.#now = { ...this.#now, ...change };
    this.#throttle.now();
  }

  #tell(): void {
    if (this.#shown === this.#now) return;
    this.#shown = this.#now;
    this.#listeners.tell();
  }
}
