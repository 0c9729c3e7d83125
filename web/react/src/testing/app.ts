/** ScriptedApp: the Python side of a page, for tests. */

import type { ActionName, AppClient, AppPipe, ArgsOf, EventOf, ResultOf } from "../client.ts";
import { createClient } from "../client.ts";
import { BrowserLLMError } from "../errors.ts";
import type { AppState, ErrorInfo, Thread } from "../state.ts";
import { chatHandlers } from "./chat.ts";
import { ScriptedClock } from "./clock.ts";
import { compareHandlers } from "./compare.ts";
import { conversationHandlers } from "./conversations.ts";
import { diff } from "./diff.ts";
import { modelHandlers, ScriptedModels } from "./models.ts";
import { without } from "./records.ts";
import { details, errorInfo, type ScriptedAnswer, type ScriptedDetails } from "./script.ts";
import { settingsHandlers } from "./settings.ts";
import { sampleState } from "./state.ts";

/** What a handler of a scripted action knows about its call. */
export interface ScriptedCall<E> {
  readonly emit: (event: E) => void;
  readonly signal: AbortSignal;
}

export type ScriptedHandler<A extends ActionName> = (
  args: ArgsOf<A>,
  call: ScriptedCall<EventOf<A>>,
) => ResultOf<A> | Promise<ResultOf<A>>;

export type ScriptedHandlers = { readonly [A in ActionName]?: ScriptedHandler<A> };

/** How long things take, in milliseconds of the clock. */
export interface ScriptedPace {
  /** From the question to the first piece. */
  readonly firstMs: number;
  /** From piece to piece. */
  readonly chunkMs: number;
  readonly downloadMs: number;
  readonly loadMs: number;
}

export interface ScriptedOptions {
  /** Replaces parts of the state, which otherwise has the built-in model loaded, and two that can be downloaded. */
  readonly state?: Partial<AppState> | undefined;
  /** The answers, in order; after the last one, "Answer N.". */
  readonly answers?: readonly ScriptedAnswer[] | undefined;
  readonly pace?: Partial<ScriptedPace> | undefined;
  /** Carry out actions in your own way. */
  readonly on?: ScriptedHandlers | undefined;
}

type AnyHandler = (args: never, call: ScriptedCall<unknown>) => unknown;

export class ScriptedApp {
  readonly clock = new ScriptedClock();
  readonly pace: ScriptedPace;
  /** Every call of the page so far. */
  readonly calls: { readonly action: ActionName; readonly args: unknown }[] = [];
  readonly pipe: AppPipe;
  readonly models = new ScriptedModels(this);
  #state: AppState;
  #sent: AppState | null = null;
  #flushing = false;
  #lastId = 0;
  #answered = 0;
  readonly #answers: ScriptedAnswer[];
  readonly #handlers: Record<string, AnyHandler | undefined>;
  readonly #running = new Map<number, AbortController>();
  readonly #page = new Page();
  // The state has only the threads that a page has open.
  readonly #closed = new Map<string, Thread>();

  constructor({ state, answers = [], pace, on }: ScriptedOptions = {}) {
    this.#state = { ...sampleState(), ...state };
    this.#answers = [...answers];
    this.pace = { firstMs: 100, chunkMs: 20, downloadMs: 1000, loadMs: 200, ...pace };
    this.#handlers = { ...conversationHandlers(this), ...chatHandlers(this), ...modelHandlers(this), ...compareHandlers(this), ...settingsHandlers(this), ...on };
    this.pipe = {
      send: (text) => { queueMicrotask(() => { this.#take(text); }); },
      onText: (callback) => this.#page.onText(callback),
      onClose: (callback) => this.#page.onClose(callback),
      close: () => { this.#close(); },
    };
  }

  get state(): AppState {
    return this.#state;
  }

  /** Change the state. The page gets it as patches, in the next microtask. */
  change(recipe: (state: AppState) => AppState): void {
    this.#state = recipe(this.#state);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => { this.#flush(); });
  }

  /** The messages of a conversation, also while no page has it open. */
  thread(id: string): Thread | undefined {
    return this.#state.threads[id] ?? this.#closed.get(id);
  }

  putThread(thread: Thread): void {
    if (this.#state.threads[thread.id]) this.openThread(thread);
    else this.#closed.set(thread.id, thread);
  }

  openThread(thread: Thread): void {
    this.#closed.delete(thread.id);
    this.change((state) => ({ ...state, threads: { ...state.threads, [thread.id]: thread } }));
  }

  closeThread(id: string): void {
    const thread = this.#state.threads[id];
    if (thread) this.#closed.set(id, thread);
    this.change((state) => ({ ...state, threads: without(state.threads, id) }));
  }

  /** Add answers to the script. */
  answer(...answers: readonly ScriptedAnswer[]): void {
    this.#answers.push(...answers);
  }

  /** Carry out an action in your own way from now on. */
  on<A extends ActionName>(action: A, handler: ScriptedHandler<A>): void {
    this.#handlers[action] = handler;
  }

  /** Move the clock on: answers grow, downloads and loads go on. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** End as when Python is gone. */
  crash(reason: unknown = new Error("the worker stopped")): void {
    this.#close();
    this.#page.close(reason);
  }

  /** Send the page a text as it is. */
  sendText(text: string): void {
    this.#page.send(text);
  }

  /** The next answer of the script. */
  nextAnswer(): ScriptedDetails {
    this.#answered += 1;
    return details(this.#answers.shift() ?? `Answer ${this.#answered}.`);
  }

  newId(kind: string): string {
    this.#lastId += 1;
    return `${kind}-${this.#lastId}`;
  }

  #take(text: string): void {
    const message = JSON.parse(text) as { type: string; id: number; action: ActionName; args: unknown };
    if (message.type === "hello") {
      this.#sent = this.#state;
      this.#post({ type: "state", state: this.#state });
    } else if (message.type === "cancel") this.#running.get(message.id)?.abort();
    else void this.#carryOut(message.id, message.action, message.args);
  }

  async #carryOut(id: number, action: ActionName, args: unknown): Promise<void> {
    this.calls.push({ action, args });
    const abort = new AbortController();
    this.#running.set(id, abort);
    try {
      const handler = this.#handlers[action];
      if (!handler) throw scriptedError({ code: "invalid_request", message: `this app has no action '${action}'` });
      const emit = (value: unknown): void => { this.#post({ type: "event", id, value }); };
      const value = (await handler(args as never, { emit, signal: abort.signal })) ?? null;
      this.#flush(); // what the action changed comes before its result
      this.#post({ type: "result", id, value });
    } catch (error) {
      this.#flush();
      const info = error instanceof BrowserLLMError ? error.toInfo() : errorInfo({ message: String(error) });
      this.#post({ type: "error", id, error: info });
    } finally {
      this.#running.delete(id);
    }
  }

  #flush(): void {
    this.#flushing = false;
    if (!this.#sent) return;
    const patches = diff(this.#sent, this.#state);
    this.#sent = this.#state;
    if (patches.length > 0) this.#post({ type: "patch", patches });
  }

  #post(message: object): void {
    this.#page.send(JSON.stringify(message));
  }

  #close(): void {
    this.#sent = null;
    for (const abort of this.#running.values()) abort.abort();
  }
}

/** The page's end of the pipe. */
class Page {
  readonly #texts = new Set<(text: string) => void>();
  readonly #closes = new Set<(reason?: unknown) => void>();

  onText(callback: (text: string) => void): () => void {
    this.#texts.add(callback);
    return () => { this.#texts.delete(callback); };
  }

  onClose(callback: (reason?: unknown) => void): () => void {
    this.#closes.add(callback);
    return () => { this.#closes.delete(callback); };
  }

  send(text: string): void {
    for (const callback of [...this.#texts]) callback(text);
  }

  close(reason: unknown): void {
    for (const callback of [...this.#closes]) callback(reason);
  }
}

/** An error for a handler to throw. */
export function scriptedError(error: Partial<ErrorInfo>): BrowserLLMError {
  return new BrowserLLMError(errorInfo(error));
}

export interface ScriptedClient extends AppClient {
  /** The app behind it: its clock, its script, its state and the calls that it got. */
  readonly app: ScriptedApp;
}

/** A client of a scripted app. Its state is there after the first `advance`. */
export function scriptedClient(options: ScriptedOptions = {}): ScriptedClient {
  const app = new ScriptedApp(options);
  return { ...createClient(app.pipe), app };
}
