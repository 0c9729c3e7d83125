/** A connection that begins, may fail and may be tried again, behind one client that is always the same. */

import type { AppClient, Boot, Call, CallOptions } from "./client.ts";
import { deferred, type Deferred } from "./deferred.ts";
import { EMPTY_STATE } from "./dictionaries.ts";
import { type BrowserLLMError, connectFailed, disconnected } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import type { AppState } from "./state.ts";
import { until } from "./until.ts";

export interface ConnectionStatus {
  readonly status: "connecting" | "ready" | "failed";
  readonly boot: Boot | null;
  readonly error: BrowserLLMError | null;
}

export type Connector = (onBoot: (boot: Boot) => void) => AppClient | Promise<AppClient>;

const CONNECTING: ConnectionStatus = { status: "connecting", boot: null, error: null };
const READY: ConnectionStatus = { status: "ready", boot: null, error: null };

/** Connects when it is mounted. Calls wait until it is connected; after a failure they reject until `retry`. */
export class Connection {
  readonly client: AppClient;
  #now: ConnectionStatus = CONNECTING;
  #target: AppClient | null = null;
  #attempt = 0;
  #mounts = 0;
  #started = false;
  #closed = false;
  #state: AppState = EMPTY_STATE;
  #connected = waiting();
  readonly #connector: Connector;
  readonly #owned: boolean;
  readonly #listeners = new Listeners();
  readonly #stateListeners = new Listeners();
  readonly #closeListeners = new Listeners<BrowserLLMError>();
  #unsubscribes: (() => void)[] = [];

  /** `owned`: the client is closed with this connection. */
  constructor(connector: Connector, owned: boolean) {
    this.#connector = connector;
    this.#owned = owned;
    const call = async (action: never, args: never, options?: CallOptions): Promise<unknown> => {
      const target = this.#target ?? (await until(this.#connected.promise, options?.signal));
      return (target.call as (...rest: unknown[]) => Promise<unknown>)(action, args, options);
    };
    const connected = (): Promise<AppClient> => this.#connected.promise;
    this.client = {
      getState: () => this.#target?.getState() ?? this.#state,
      subscribe: (listener) => this.#stateListeners.add(listener),
      call: call as unknown as Call,
      get ready() { return connected().then(() => undefined); },
      onClose: (listener) => this.#closeListeners.add(listener),
      close: () => { this.close(); },
    };
  }

  /** A client that is connected already, so that the first render has its state. */
  static of(client: AppClient): Connection {
    const connection = new Connection(() => client, false);
    connection.#target = client;
    connection.#connected.resolve(client);
    connection.#now = READY;
    return connection;
  }

  readonly getStatus = (): ConnectionStatus => this.#now;

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Begin when the first component is there; the function that it returns ends it when the last one is gone. */
  readonly mount = (): (() => void) => {
    this.#mounts += 1;
    if (this.#mounts === 1 && !this.#started) this.#start();
    return () => {
      this.#mounts -= 1;
      // StrictMode unmounts and mounts again in one go: only what stays unmounted is closed.
      queueMicrotask(() => { if (this.#mounts === 0) this.close(); });
    };
  };

  #start(): void {
    this.#started = true;
    if (this.#target) this.#use(this.#target);
    else {
      if (this.#closed) this.#connected = waiting();
      void this.#connect();
    }
  }

  /** Connect again after a failure. */
  readonly retry = (): void => {
    if (this.#now.status !== "failed") return;
    this.#connected = waiting();
    this.#show(CONNECTING);
    void this.#connect();
  };

  /** End it. A client that is not ours stays as it is; with one that is, calls reject from now on. */
  close(): void {
    this.#started = false;
    const target = this.#target;
    if (!this.#owned && target) {
      this.#unfollow();
      return;
    }
    this.#attempt += 1;
    this.#closed = true;
    this.#drop();
    this.#reject(disconnected());
    this.#show(CONNECTING);
    target?.close();
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    try {
      const client = await this.#connector((boot) => {
        if (attempt === this.#attempt && this.#now.status === "connecting") this.#show({ ...CONNECTING, boot });
      });
      await client.ready;
      if (attempt === this.#attempt) this.#use(client);
      else if (this.#owned) client.close();
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(connectFailed(error));
    }
  }

  #use(client: AppClient): void {
    this.#target = client;
    this.#unsubscribes = [
      client.subscribe(() => { this.#stateListeners.tell(); }),
      client.onClose((error) => {
        this.#fail(error);
        this.#closeListeners.tell(error);
      }),
    ];
    this.#connected.resolve(client);
    this.#show(READY);
    this.#stateListeners.tell();
  }

  #fail(error: BrowserLLMError): void {
    this.#drop();
    this.#reject(error);
    this.#show({ status: "failed", boot: null, error });
  }

  /** Calls that wait, and those to come, reject with this. */
  #reject(error: BrowserLLMError): void {
    this.#connected.reject(error);
    this.#connected = waiting();
    this.#connected.reject(error);
  }

  #unfollow(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    this.#unsubscribes = [];
  }

  #drop(): void {
    this.#unfollow();
    this.#state = this.#target?.getState() ?? this.#state; // the last one stays to be seen
    this.#target = null;
  }

  #show(now: ConnectionStatus): void {
    if (Object.is(now, this.#now)) return;
    this.#now = now;
    this.#listeners.tell();
  }
}

function waiting(): Deferred<AppClient> {
  const made = deferred<AppClient>();
  made.promise.catch(() => undefined); // a failure is shown by the status, too
  return made;
}
