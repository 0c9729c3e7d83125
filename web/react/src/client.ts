/** The page's end of the app: a copy of its state, and calls of its actions (docs/app.md has the messages). */

import type { Actions } from "./actions.ts";
import { deferred } from "./deferred.ts";
import { bare, EMPTY_STATE } from "./dictionaries.ts";
import { BrowserLLMError, cancelled, disconnected, unwritable } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import { applyPatches, share, type Patch } from "./patches.ts";
import type { AppState, ErrorInfo } from "./state.ts";

/** Carries texts between the page and Python, in order. */
export interface AppPipe {
  send(text: string): void;
  /** Call back with each text from Python; returns a function that stops it. */
  onText(callback: (text: string) => void): () => void;
  /** Call back once when the other end is gone, with the reason where it is known. */
  onClose?(callback: (reason?: unknown) => void): () => void;
  close(): void;
}

/** How far the start of the app has come; `fraction` is 0..1, or `null` if it is not known. */
export interface Boot {
  readonly text: string;
  readonly fraction: number | null;
  /** While Python is fetched: how much of it has arrived. */
  readonly receivedBytes?: number;
  readonly totalBytes?: number;
}

export type ActionName = keyof Actions;
export type ArgsOf<A extends ActionName> = Actions[A]["args"];
export type ResultOf<A extends ActionName> = Actions[A]["result"];
export type EventOf<A extends ActionName> = Actions[A]["event"];

export interface CallOptions<A extends ActionName = ActionName> {
  /** Aborting it cancels the action; the call rejects with the code `cancelled`. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event of the action, before its result. */
  readonly onEvent?: ((event: EventOf<A>) => void) | undefined;
}

/** Call an action. Arguments may be left out where all of them have defaults. */
export type Call = <A extends ActionName>(
  action: A,
  ...rest: object extends ArgsOf<A>
    ? [args?: ArgsOf<A>, options?: CallOptions<A>]
    : [args: ArgsOf<A>, options?: CallOptions<A>]
) => Promise<ResultOf<A>>;

/** A copy of the app's state that follows every change, and calls of its actions. */
export interface AppClient {
  /** The state now; its parts keep their identity until they change. Before the first one came: `EMPTY_STATE`. */
  readonly getState: () => AppState;
  /** Call back after each change of the state; returns a function that stops it. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Rejects with a `BrowserLLMError`. */
  readonly call: Call;
  /** Resolves when the state is there; rejects if the connection ends before. */
  readonly ready: Promise<void>;
  /** Call back once when the connection has ended without `close`. */
  readonly onClose: (listener: (error: BrowserLLMError) => void) => () => void;
  /** End the connection. Calls in progress reject, and Python cancels them. */
  readonly close: () => void;
}

/** Half a surrogate pair, as JSON writes it: a whole pair stands as it is, and a backslash before would be two. */
const HALF = /\\(?:u(d[89a-f][0-9a-f]{2})|.)/gi;

/** JSON whose texts can be read everywhere: half a character, which some end in when they are cut, becomes a replacement character. */
function wellFormed(json: string): string {
  return json.replace(HALF, (written, half?: string) => (half === undefined ? written : "\\ufffd"));
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: BrowserLLMError) => void;
  readonly onEvent: ((event: never) => void) | undefined;
}

type FromPython =
  | { readonly type: "state"; readonly state: AppState }
  | { readonly type: "patch"; readonly patches: readonly Patch[] }
  | { readonly type: "event"; readonly id: number; readonly value: unknown }
  | { readonly type: "result"; readonly id: number; readonly value: unknown }
  | { readonly type: "error"; readonly id: number | null; readonly error: ErrorInfo };

/** Connect to the app through a pipe. */
export function createClient(pipe: AppPipe): AppClient {
  const client = new PipeClient(pipe);
  return {
    getState: () => client.state,
    subscribe: (listener) => client.listeners.add(listener),
    call: client.call as Call,
    ready: client.ready,
    onClose: (listener) => client.onClose(listener),
    close: () => { client.end(null); },
  };
}

class PipeClient {
  state = EMPTY_STATE;
  readonly listeners = new Listeners();
  readonly closeListeners = new Listeners<BrowserLLMError>();
  readonly #ready = deferred<undefined>();
  readonly #pipe: AppPipe;
  readonly #pending = new Map<number, Pending>();
  readonly #unsubscribes: (() => void)[];
  #lastId = 0;
  #waitsForState = true;
  #ended: BrowserLLMError | null = null;
  #lost: BrowserLLMError | null = null;

  constructor(pipe: AppPipe) {
    this.#pipe = pipe;
    this.ready.catch(() => undefined); // it is no mistake not to wait for it
    this.#unsubscribes = [
      pipe.onText((text) => { this.#take(text); }),
      pipe.onClose?.((reason) => { this.end(disconnected(reason)); }) ?? ((): void => undefined),
    ];
    pipe.send(JSON.stringify({ type: "hello" }));
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  readonly call = (action: ActionName, args: object = {}, options: CallOptions = {}): Promise<unknown> => {
    const { signal, onEvent } = options;
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(cancelled(signal.reason));
    const id = ++this.#lastId;
    let text: string;
    try {
      text = wellFormed(JSON.stringify({ type: "call", id, action, args }));
    } catch (error) {
      return Promise.reject(unwritable(error));
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#pending.delete(id);
        reject(cancelled(signal?.reason));
        this.#pipe.send(JSON.stringify({ type: "cancel", id }));
      };
      const done = (): void => { signal?.removeEventListener("abort", abort); };
      this.#pending.set(id, {
        resolve: (value) => { done(); resolve(value); },
        reject: (error) => { done(); reject(error); },
        onEvent,
      });
      signal?.addEventListener("abort", abort, { once: true });
      try {
        this.#pipe.send(text);
      } catch (error) {
        this.end(disconnected(error));
      }
    });
  };

  onClose(listener: (error: BrowserLLMError) => void): () => void {
    const lost = this.#lost;
    if (!lost) return this.closeListeners.add(listener);
    let wanted = true;
    queueMicrotask(() => { if (wanted) listener(lost); });
    return () => { wanted = false; };
  }

  /** End the connection: because of an error, or on request (`null`). */
  end(error: BrowserLLMError | null): void {
    if (this.#ended) return;
    const reason = (this.#ended = error ?? disconnected());
    this.#lost = error;
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    this.#ready.reject(reason);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of pending) call.reject(reason);
    this.#pipe.close();
    if (error) this.closeListeners.tell(error);
  }

  #take(text: string): void {
    const message = JSON.parse(text) as FromPython;
    switch (message.type) {
      case "state":
        this.#waitsForState = false;
        this.#show(share(this.state, bare(message.state)) as AppState);
        this.#ready.resolve(undefined);
        break;
      case "patch":
        this.#patch(message.patches);
        break;
      case "event":
        this.#tell(message.id, message.value);
        break;
      case "result":
        this.#finish(message.id)?.resolve(message.value);
        break;
      case "error":
        // Without an id it is about a message of ours that Python could not read: a mistake to be found in the console.
        if (message.id === null) console.error(new BrowserLLMError(message.error));
        else this.#finish(message.id)?.reject(new BrowserLLMError(message.error));
    }
  }

  #tell(id: number, value: unknown): void {
    try {
      this.#pending.get(id)?.onEvent?.(value as never);
    } catch (error) {
      // The connection goes on; the caller's mistake is to be found where uncaught errors are.
      queueMicrotask(() => { throw error; });
    }
  }

  #patch(patches: readonly Patch[]): void {
    if (this.#waitsForState) return; // what comes next has these changes
    try {
      for (const { path, value } of patches) bare(value, path);
      this.#show(applyPatches(this.state, patches) as AppState);
    } catch (error) {
      // A copy that is not what Python thinks it is cannot be mended: ask for the whole.
      console.error(error);
      this.#waitsForState = true;
      this.#pipe.send(JSON.stringify({ type: "hello" }));
    }
  }

  #finish(id: number): Pending | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return call;
  }

  #show(state: AppState): void {
    if (Object.is(state, this.state)) return;
    this.state = state;
    this.listeners.tell();
  }
}
