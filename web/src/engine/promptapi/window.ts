/** The window's half: carries out the worker's requests on `LanguageModel`. It decides nothing. */

import type { LanguageModel, LanguageModelCreateCoreOptions, LanguageModelStatic, QuotaExceededError } from "./idl.d.ts";
import type { CreateArgs, Fault, FromLanguageModel, PromptArgs, ToLanguageModel } from "./messages.ts";

/** The part of a MessagePort that is used. */
export interface Port {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: FromLanguageModel): void;
}

/** The draft requires the same options for `availability()` and `create()`. */
const TEXT: LanguageModelCreateCoreOptions = { expectedInputs: [{ type: "text" }], expectedOutputs: [{ type: "text" }] };

interface Session {
  readonly model: LanguageModel;
  dropped: boolean;
}

/** Serve a worker's port for as long as the page lives. */
export function serveLanguageModel(port: Port, api: LanguageModelStatic): void {
  new LanguageModelServer(port, api).start();
}

class LanguageModelServer {
  readonly #port: Port;
  readonly #api: LanguageModelStatic;
  readonly #sessions = new Map<number, Session>();
  readonly #controls = new Map<number, AbortController>();
  #lastSession = 0;

  constructor(port: Port, api: LanguageModelStatic) {
    this.#port = port;
    this.#api = api;
  }

  start(): void {
    this.#port.onmessage = ({ data }: MessageEvent<ToLanguageModel>) => {
      if (data.op === "abort") this.#controls.get(data.id)?.abort();
      else if (data.op === "destroy") this.#destroy(data.session);
      else void this.#answer(data);
    };
  }

  async #answer(request: Exclude<ToLanguageModel, { op: "abort" | "destroy" }>): Promise<void> {
    const { id } = request;
    const control = new AbortController();
    this.#controls.set(id, control);
    try {
      this.#port.postMessage({ id, type: "result", value: await this.#run(request, control.signal) });
    } catch (error) {
      this.#port.postMessage({ id, type: "error", error: faultOf(error) });
    } finally {
      this.#controls.delete(id);
    }
  }

  async #run(request: Exclude<ToLanguageModel, { op: "abort" | "destroy" }>, signal: AbortSignal): Promise<unknown> {
    switch (request.op) {
      case "availability":
        return this.#api.availability(TEXT);
      case "params":
        return (await this.#api.params?.()) ?? null;
      case "create":
        return this.#create(request.id, request.args, signal);
      case "prompt":
        return this.#prompt(request.id, request.args, signal);
      case "measure":
        return this.#measure(request.args, signal);
    }
  }

  async #create(id: number, { initialPrompts, sampling }: CreateArgs, signal: AbortSignal): Promise<unknown> {
    const model = await this.#api.create({
      ...TEXT,
      ...(sampling ?? {}),
      ...(initialPrompts.length === 0 ? {} : { initialPrompts }),
      signal,
      monitor: (monitor) => {
        monitor.addEventListener("downloadprogress", ({ loaded }) => { this.#port.postMessage({ id, type: "progress", loaded }); });
      },
    });
    if (signal.aborted) {
      model.destroy();
      signal.throwIfAborted();
    }
    const session: Session = { model, dropped: false };
    const drop = (): void => { session.dropped = true; };
    model.addEventListener("contextoverflow", drop);
    model.addEventListener("quotaoverflow", drop);
    this.#lastSession += 1;
    this.#sessions.set(this.#lastSession, session);
    const window = model.contextWindow ?? model.inputQuota ?? Infinity;
    return { session: this.#lastSession, window: Number.isFinite(window) ? window : null, usage: usageOf(model) };
  }

  async #prompt(id: number, { session, input, constraint }: PromptArgs, signal: AbortSignal): Promise<unknown> {
    const found = this.#find(session);
    const stream = found.model.promptStreaming(input, { signal, ...constrained(constraint) });
    const reader = stream.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      this.#port.postMessage({ id, type: "chunk", text: read.value });
    }
    return { usage: usageOf(found.model), dropped: found.dropped };
  }

  async #measure({ session, input, constraint }: PromptArgs, signal: AbortSignal): Promise<number | null> {
    const { model } = this.#find(session);
    const options = { signal, ...constrained(constraint) };
    return (await (model.measureContextUsage?.(input, options) ?? model.measureInputUsage?.(input, options))) ?? null;
  }

  #find(id: number): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new DOMException("the session has ended", "InvalidStateError");
    return session;
  }

  #destroy(id: number): void {
    this.#sessions.get(id)?.model.destroy();
    this.#sessions.delete(id);
  }
}

function constrained(constraint: object | null): { responseConstraint?: object } {
  return constraint === null ? {} : { responseConstraint: constraint };
}

function usageOf(model: LanguageModel): number | null {
  return model.contextUsage ?? model.inputUsage ?? null;
}

function faultOf(error: unknown): Fault {
  const { name, message, requested, quota } = error instanceof Error ? (error as QuotaExceededError) : { name: "Error", message: String(error), requested: null, quota: null };
  return { name, message, requested: requested ?? null, quota: quota ?? null };
}
