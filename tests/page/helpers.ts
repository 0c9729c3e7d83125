/** Small stand-ins that several tests share. */

import { IDBFactory } from "fake-indexeddb";
import type { Clock } from "../../web/src/engine/clock.ts";
import type { ChatOutcome, EmitText, Engine, InputKind, LoadContext, LoadedModel } from "../../web/src/engine/engine.ts";
import type { ChatRequest } from "../../web/src/engine/options.ts";
import type { LoadRequest } from "../../web/src/engine/protocol.ts";
import type { FileFetcher, FileStore } from "../../web/src/engine/files/operations.ts";
import { EngineRegistry } from "../../web/src/engine/registry.ts";
import { Prober } from "../../web/src/engine/probe.ts";
import type { Environment } from "../../web/src/engine/environment.ts";
import { Service } from "../../web/src/engine/service.ts";
import { Peer } from "../../web/src/engine/peer.ts";
import { Values } from "../../web/src/engine/values.ts";

/** A clock that the test moves. */
export class ManualClock implements Clock {
  time = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();
  #onTimer: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.time + ms, callback };
    this.#timers.add(timer);
    const waiting = this.#onTimer;
    this.#onTimer = [];
    for (const resolve of waiting) resolve();
    return () => this.#timers.delete(timer);
  }

  /** When the next timer is due; null without a timer. */
  get next(): number | null {
    return this.#timers.size === 0 ? null : Math.min(...[...this.#timers].map(({ at }) => at));
  }

  /** Resolves once there is a timer. */
  timer(): Promise<void> {
    return this.#timers.size > 0 ? Promise.resolve() : new Promise((resolve) => { this.#onTimer.push(resolve); });
  }

  advance(ms: number): void {
    this.time += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.time) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

/** Something a test waits for: resolve it from outside. */
export class Gate<T = void> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;
  fail!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
  }
}

/** Lets everything that can run now run: promises and messages, no timers. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A model whose answers the test writes token by token. */
export class FakeModel implements LoadedModel {
  readonly device = "webgpu";
  readonly adapter = "fake";
  readonly context_window = 100;
  readonly input: readonly InputKind[] = ["text"];
  readonly loss = new Gate<string>();
  readonly lost = this.loss.promise;
  readonly chats: { request: ChatRequest; emit: EmitText; signal: AbortSignal; end: Gate<ChatOutcome> }[] = [];
  unloads = 0;

  chat(request: ChatRequest, emit: EmitText, signal: AbortSignal): Promise<ChatOutcome> {
    const end = new Gate<ChatOutcome>();
    signal.addEventListener("abort", () => { end.open(outcome("cancelled")); });
    this.chats.push({ request, emit, signal, end });
    return end.promise;
  }

  countTokens(): Promise<number> {
    return Promise.resolve(7);
  }

  embed(): Promise<{ vectors: readonly (readonly number[])[]; tokens: number }> {
    return Promise.resolve({ vectors: [[1, 2]], tokens: 3 });
  }

  unload(): Promise<void> {
    this.unloads += 1;
    return Promise.resolve();
  }
}

export function outcome(finish_reason: ChatOutcome["finish_reason"] = "stop"): ChatOutcome {
  return { finish_reason, usage: { prompt_tokens: 5, completion_tokens: 3, cached_tokens: 1 }, warnings: [] };
}

/** An engine whose loads the test ends. */
export class FakeEngine implements Engine {
  readonly loads: { request: LoadRequest; context: LoadContext; end: Gate<LoadedModel> }[] = [];

  load(request: LoadRequest, context: LoadContext): Promise<LoadedModel> {
    const end = new Gate<LoadedModel>();
    this.loads.push({ request, context, end });
    return end.promise;
  }
}

export interface Said {
  readonly id?: number | null;
  readonly type: string;
  readonly name?: string;
  readonly data?: Record<string, unknown>;
  readonly error?: { code: string; message: string; data: Record<string, unknown> };
}

export interface FileCall {
  readonly op: string;
  readonly args: unknown;
  readonly signal: AbortSignal | null;
  readonly report: LoadContext["report"] | null;
  readonly end: Gate<unknown>;
}

/** Records the calls of file operations; the test ends them. */
export class FakeFiles implements FileFetcher, FileStore {
  readonly calls: FileCall[] = [];

  readonly read = (args: unknown, signal: AbortSignal): Promise<never> => this.#take("read", args, signal);
  readonly inspect = (args: unknown, signal: AbortSignal): Promise<never> => this.#take("inspect", args, signal);
  readonly download = (args: unknown, signal: AbortSignal, report: unknown): Promise<never> =>
    this.#take("download", args, signal, report as LoadContext["report"]);
  readonly stored = (): Promise<never> => this.#take("stored", null);
  readonly delete = (args: unknown): Promise<never> => this.#take("delete", args);
  readonly journal = (args: unknown): Promise<never> => this.#take("journal", args);
  readonly persist = (): Promise<never> => this.#take("persist", null);
  readonly pick = (args: unknown, signal: AbortSignal): Promise<never> => this.#take("pick", args, signal);

  #take(op: string, args: unknown, signal: AbortSignal | null = null, report: LoadContext["report"] | null = null): Promise<never> {
    const end = new Gate<unknown>();
    this.calls.push({ op, args, signal, report, end });
    return end.promise as Promise<never>;
  }
}

/** The environment of a browser that reports nothing. */
export const NOWHERE: Environment = { online: null, connection: { type: null, effective_type: null, downlink_mbps: null, save_data: null }, battery: null, visibility: null };

/** A service with a fake engine, and peers that write down what they are sent. */
export class Bench {
  readonly engine = new FakeEngine();
  readonly clock = new ManualClock();
  readonly files = new FakeFiles();
  readonly values = new Values(new IDBFactory());
  readonly peers: Peer[] = [];
  readonly service = new Service({
    registry: new EngineRegistry([
      { name: "fake", version: "1", devices: ["webgpu", "wasm"], capabilities: ["chat"], options: { top_k: true, top_logprobs: 5 }, import: () => Promise.resolve(this.engine) },
      { name: "broken", version: "1", devices: ["webgpu"], capabilities: ["chat"], options: { top_k: true, top_logprobs: 5 }, import: () => Promise.reject(new TypeError("no network")) },
    ]),
    prober: new Prober(
      { isSecureContext: false, crossOriginIsolated: false, navigator: { userAgent: "test" } },
      { look: () => NOWHERE },
    ),
    fetcher: this.files,
    store: this.files,
    values: this.values,
    base: "https://example.org/app/",
    event: (name, data) => {
      for (const peer of this.peers) peer.event(name, data);
    },
  });

  connect(): { peer: Peer; said: Said[]; ask: (id: number, op: string, args?: object) => void; of: (id: number) => Said[] } {
    const said: Said[] = [];
    const send = (text: string): void => { said.push(JSON.parse(text) as Said); };
    const peer = new Peer({ send }, { protocol: 1 }, this.service.handle, this.clock);
    this.peers.push(peer);
    return {
      peer,
      said,
      ask: (id, op, args = {}) => { peer.receive(JSON.stringify({ v: 1, id, op, args })); },
      of: (id) => said.filter((message) => message.id === id),
    };
  }

  /** Load a model with `ask`, and return it. */
  async load(ask: (id: number, op: string, args: object) => void, model = "m", id = 1000): Promise<FakeModel> {
    ask(id, "load", loadArgs(model));
    await settle();
    const fake = new FakeModel();
    this.engine.loads.at(-1)?.end.open(fake);
    await settle();
    return fake;
  }
}

export function loadArgs(model: string, artifact: object = { url: "models/m/" }): object {
  return { model, engine: "fake", device: "webgpu", artifact };
}

export const HELLO_MESSAGES = [{ role: "user", content: "hello" }];
