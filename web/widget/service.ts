/** Services: what the widgets and the JavaScript API of a page share. There is one for each site, with one connection and one model. */

import type { ActionName, AppClient, ArgsOf, CallOptions, ResultOf } from "@browserllm/react/client";
import { cancelConnect, connect } from "@browserllm/react/connect";
import { Connection, type Connector } from "@browserllm/react/connection";
import { BrowserLLMError, cancelled } from "@browserllm/react/errors";
import { asError, isCancelled } from "@browserllm/react/failures";
import { Listeners } from "@browserllm/react/listeners";
import type { AppState, ErrorInfo } from "@browserllm/react/state";
import { until } from "@browserllm/react/until";
import { findModel, unknownModel } from "./models.ts";

/** A load in progress, which all who want that model share. */
interface Load {
  readonly model: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
  /** How many calls of the API wait for it. */
  waiting: number;
  /** Whether a widget has begun it, or shows it since. */
  shown: boolean;
}

export class Service {
  /** The address of the site's folder. */
  readonly base: string;
  readonly connection: Connection;
  /** What went wrong last, until something works again. */
  error: ErrorInfo | null = null;
  /** The model that was asked for last. */
  wanted: string | null = null;
  /** How many requests of the API are being answered. */
  running = 0;
  started = false;
  #load: Load | null = null;
  #unmount: () => void = () => undefined;
  readonly #listeners = new Listeners();
  readonly #widgets = new Set<object>();

  constructor(base: string, connector: Connector) {
    this.base = base;
    this.connection = new Connection(connector, false);
    const tell = (): void => { this.#tell(); };
    this.connection.subscribe(tell);
    this.connection.client.subscribe(tell);
  }

  get client(): AppClient {
    return this.connection.client;
  }

  get state(): AppState {
    return this.client.getState();
  }

  /** Whether it is on its way to the app. */
  get starting(): boolean {
    return this.started && this.connection.getStatus().status === "connecting";
  }

  /** The model of the load in progress that was begun here, if there is one. */
  get loading(): string | null {
    return this.#load?.model ?? null;
  }

  /** Call back after each change; returns a function that stops it. */
  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Count a widget of the page; returns a function for when it is gone. The last one takes along the load that widgets began. */
  join(widget: object): () => void {
    this.#widgets.add(widget);
    return () => {
      this.#widgets.delete(widget);
      if (this.#widgets.size > 0 || !this.#load) return;
      this.#load.shown = false;
      this.#giveUp(this.#load);
    };
  }

  /** Start the app, or connect again after a failure. Resolves when its state is there. */
  async start(signal?: AbortSignal): Promise<void> {
    if (!this.started) {
      this.started = true;
      this.#unmount = this.connection.mount();
      this.#tell();
    } else this.connection.retry();
    await until(this.client.ready, signal);
  }

  /** Call an action; starts the app if it must. */
  async call<A extends ActionName>(action: A, args: ArgsOf<A>, options: CallOptions<A> = {}): Promise<ResultOf<A>> {
    await this.start(options.signal);
    const call = this.client.call as (action: A, args: ArgsOf<A>, options: CallOptions<A>) => Promise<ResultOf<A>>;
    return call(action, args, options);
  }

  /** Load a model for a call of the API. Aborting gives up; the load itself ends if nothing else uses it. */
  async load(model: string, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw cancelled(signal.reason);
    const load = this.#loadOf(model);
    load.waiting += 1;
    try {
      await until(load.done, signal);
    } finally {
      load.waiting -= 1;
      this.#giveUp(load);
    }
  }

  /** Load a model for the widgets; how it goes is in `error` and in the state. */
  show(model: string): void {
    const load = this.#loadOf(model);
    load.shown = true;
    load.done.catch(() => undefined);
  }

  /** Cancel the start, or the load in progress for everyone, whatever part of the page has begun it. */
  cancel(): void {
    const { loading } = this.state;
    if (this.starting) this.#stopStart();
    else if (this.#load) this.#load.abort.abort();
    else if (loading) this.call("models.unload", { model: loading.model }).catch((error: unknown) => { this.fail(error); });
  }

  #stopStart(): void {
    this.#load?.abort.abort();
    this.started = false;
    this.#unmount();
    cancelConnect(this.base);
    this.#tell();
  }

  /** Free the memory of all models. */
  async unload(): Promise<void> {
    this.cancel();
    this.wanted = null;
    if (!this.started) return;
    try {
      await this.call("models.unload", {});
      this.fail(null);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Count a request of the API while it is being answered. */
  async answer<T>(work: Promise<T>): Promise<T> {
    this.running += 1;
    this.#tell();
    try {
      const answer = await work;
      this.error = null;
      return answer;
    } catch (error) {
      // A request that is not valid says nothing about the model.
      if (asError(error).code !== "invalid_request") this.#note(error);
      throw error;
    } finally {
      this.running -= 1;
      this.#tell();
    }
  }

  /** Show an error, or none. */
  fail(error: unknown): void {
    if (error === null) this.error = null;
    else this.#note(error);
    this.#tell();
  }

  #loadOf(model: string): Load {
    if (this.#load?.model === model && !this.#load.abort.signal.aborted) return this.#load;
    this.#load?.abort.abort(); // a page has one model: the last one that was asked for
    const abort = new AbortController();
    const load: Load = { model, abort, waiting: 0, shown: false, done: this.#run(model, abort.signal, () => this.#load === load) };
    this.#load = load;
    this.wanted = model;
    this.error = null;
    this.#tell();
    return load;
  }

  async #run(model: string, signal: AbortSignal, isCurrent: () => boolean): Promise<void> {
    await Promise.resolve(); // so that `isCurrent` knows this load
    try {
      await this.start(signal);
      const id = findModel(this.state, model)?.id ?? model;
      if (!this.state.loaded.some((loaded) => loaded.model === id)) await this.call("models.load", { model: id }, { signal });
    } catch (cause) {
      const error = asError(cause).code === "model_not_found" ? await this.#unknown(model, cause) : cause;
      if (isCurrent()) this.#note(error);
      throw error;
    } finally {
      if (isCurrent()) {
        this.#load = null;
        this.#tell();
      }
    }
  }

  /** The error for a name that Python does not know: at first only the built-in model is listed, so the list is asked for. */
  async #unknown(model: string, cause: unknown): Promise<unknown> {
    try {
      await this.call("models.refresh", {});
    } catch {
      return cause;
    }
    return unknownModel(model, this.state);
  }

  #giveUp(load: Load): void {
    if (load.waiting === 0 && !load.shown) load.abort.abort();
  }

  #note(error: unknown): void {
    if (!isCancelled(error)) this.error = asError(error).toInfo();
  }

  #tell(): void {
    this.#listeners.tell();
  }
}

const services = new Map<string, Service>();

/** The service of a site: the same for everyone who names the same folder. Tests bring a connector of their own. */
export function serviceFor(base: string, connector: Connector = siteConnector(base)): Service {
  const service = services.get(base) ?? new Service(base, connector);
  services.set(base, service);
  return service;
}

/** The absolute address of a site's folder; one that cannot be read is returned as it is, and fails when it is used. */
export function baseOf(src: string): string {
  try {
    return new URL(src.endsWith("/") ? src : `${src}/`, document.baseURI).href;
  } catch {
    return src;
  }
}

function siteConnector(base: string): Connector {
  return (onBoot) => {
    if (new URL(base, document.baseURI).origin !== location.origin) {
      throw new BrowserLLMError({
        code: "connect_failed",
        title: "The site is on another server",
        message: `${base} is not on the server of this page, and browsers start workers from there alone`,
        remedy: "Copy the folder that `browserllm build` wrote to this page's server, and name that folder (`src`, or `base`).",
        actions: [],
        data: {},
      });
    }
    return connect({ base, onBoot });
  };
}
