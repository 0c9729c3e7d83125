/** Carries out the operations of the protocol, with one queue and the models that are loaded. */

import { isGpuGone } from "./gpu.ts";
import { cancelled, PageError, toPageError } from "./errors.ts";
import type { EmitText, LoadedModel, LoadProgress } from "./engine.ts";
import type { EngineRegistry } from "./registry.ts";
import type { FileRef } from "./files/caches.ts";
import { absolute } from "./files/requests.ts";
import type { FileFetcher, FileStore } from "./files/operations.ts";
import { splitOptions, type ChatRequest, type CountRequest, type EmbedRequest, type HonouredOptions } from "./options.ts";
import type { LoadRequest, Progress, Request } from "./protocol.ts";
import { FifoQueue } from "./queue.ts";
import type { Prober } from "./probe.ts";
import type { Values } from "./values.ts";

/** Sends one request's messages to its peer. */
export interface Reply {
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
  chunk: EmitText;
}

interface Entry {
  readonly request: LoadRequest;
  readonly model: LoadedModel;
  /** The options of a chat that this model honours on its engine. */
  readonly options: HonouredOptions;
}

export interface ServiceOptions {
  readonly registry: EngineRegistry;
  readonly prober: Prober;
  readonly fetcher: FileFetcher;
  readonly store: FileStore;
  readonly values: Pick<Values, "run">;
  /** The URL that relative URLs are resolved against. */
  readonly base: string;
  readonly event: (name: string, data: Readonly<Record<string, unknown>>) => void;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #queue = new FifoQueue();
  readonly #models = new Map<string, Entry>();

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** Carry out one request; resolves with its result, rejects with the error that ended it. */
  readonly handle = async (request: Request, reply: Reply): Promise<unknown> => {
    switch (request.op) {
      case "probe":
        return { ...(await this.#options.prober.probe(request.refresh)), engines: await this.#options.registry.availability() };
      case "load":
        return this.#load(request.args, reply);
      case "unload":
        return this.#unload(request.model, reply);
      case "chat":
        return this.#chat(request.chat, reply);
      case "embed":
        return this.#embed(request.embed, reply);
      case "count_tokens":
        return this.#count(request.count, reply);
      case "status":
        return this.#status();
      // File operations do not queue: a chat continues while a model downloads.
      case "read_file":
        return this.#options.fetcher.read(this.#found(request.args), reply.signal);
      case "inspect_files":
        return this.#options.fetcher.inspect(request.urls.map(this.#absolute), reply.signal);
      case "download": {
        const args = { ...request.args, files: request.args.files.map(this.#found) };
        return this.#options.fetcher.download(args, reply.signal, (progress) => { reply.progress(progress); });
      }
      case "stored":
        return this.#options.store.stored();
      case "delete_files": {
        const { entries, partials } = request.args;
        return this.#options.store.delete({ entries: entries.map(this.#found), partials: partials.map(this.#absolute) });
      }
      case "journal":
        return this.#options.store.journal(request.args);
      case "persist":
        return this.#options.store.persist();
      case "pick_files":
        return this.#options.store.pick(request.args, reply.signal);
      case "values":
        return this.#options.values.run(request.args);
    }
  };

  readonly #absolute = (url: string): string => absolute(url, this.#options.base);

  readonly #found = <T extends FileRef>(file: T): T => ({ ...file, url: this.#absolute(file.url) });

  async #load(request: LoadRequest, reply: Reply): Promise<unknown> {
    const done = await this.#turn(reply);
    const started = performance.now();
    // A cancel is answered at once; the queue continues when the engine has freed its memory.
    const loading = this.#loadNow(request, reply).finally(done);
    return describeModel(await abortable(loading, reply.signal), performance.now() - started);
  }

  async #loadNow(request: LoadRequest, reply: Reply): Promise<Entry> {
    const present = this.#models.get(request.model);
    // The second of two equal loads waits in the queue and finds the model here: it is loaded once.
    if (present !== undefined && sameLoad(present.request, request)) return present;
    if (present !== undefined) await this.#free(request.model);
    const report = ({ loaded_bytes = null, total_bytes = null, ...rest }: LoadProgress): void => {
      if (!reply.signal.aborted) reply.progress({ ...rest, loaded_bytes, total_bytes });
    };
    const engine = await this.#options.registry.get(request.engine, request.device);
    reply.signal.throwIfAborted();
    const model = await engine.load(request, { base: this.#options.base, signal: reply.signal, report });
    if (reply.signal.aborted) {
      await model.unload();
      throw reply.signal.reason;
    }
    const entry = { request, model, options: { ...this.#options.registry.options(request.engine), ...model.options } };
    this.#models.set(request.model, entry);
    void model.lost.then((reason) => {
      this.#dropLost(request.model, entry, reason);
    });
    return entry;
  }

  async #unload(name: string | null, reply: Reply): Promise<unknown> {
    const done = await this.#turn(reply);
    try {
      const names = [...this.#models.keys()].filter((model) => name === null || model === name);
      for (const model of names) await this.#free(model);
      return { unloaded: names };
    } finally {
      done();
    }
  }

  async #chat(request: ChatRequest, reply: Reply): Promise<unknown> {
    const asked = performance.now();
    let done: () => void;
    try {
      done = await this.#turn(reply);
    } catch (error) {
      if (!reply.signal.aborted) throw error;
      return neverStarted(performance.now() - asked);
    }
    try {
      const started = performance.now();
      const tokenTimes = { first: Infinity };
      const emit: EmitText = (...piece) => {
        tokenTimes.first = Math.min(tokenTimes.first, performance.now());
        reply.chunk(...piece);
      };
      const entry = this.#entry(request.model);
      const { options, warnings } = splitOptions(request.options, entry.options, entry.request.engine);
      const outcome = await entry.model.chat({ ...request, options }, emit, reply.signal);
      const ended = performance.now();
      const first = Math.min(tokenTimes.first, ended);
      const decode_ms = ended - first;
      const later = outcome.usage.completion_tokens - 1; // the first token belongs to the prompt's computation
      const unknown = request.unknown.map((parameter) => ({
        parameter,
        message: `'${parameter}' is not an option that this page knows; it was ignored`,
      }));
      return {
        finish_reason: outcome.finish_reason,
        usage: outcome.usage,
        timings: {
          queue_ms: started - asked,
          first_token_ms: first - started,
          decode_ms,
          tokens_per_s: later > 0 && decode_ms > 0 ? (later * 1000) / decode_ms : 0,
        },
        warnings: [...unknown, ...warnings, ...outcome.warnings],
      };
    } finally {
      done();
    }
  }

  async #embed(request: EmbedRequest, reply: Reply): Promise<unknown> {
    const done = await this.#turn(reply);
    try {
      const { vectors, tokens } = await this.#entry(request.model).model.embed(request, reply.signal);
      return { vectors, usage: { prompt_tokens: tokens, completion_tokens: 0, cached_tokens: 0 } };
    } finally {
      done();
    }
  }

  async #count(request: CountRequest, reply: Reply): Promise<unknown> {
    return { tokens: await this.#entry(request.model).model.countTokens(request.content, reply.signal) };
  }

  #status(): unknown {
    return {
      loaded: [...this.#models.values()].map(({ request, model, options }) => ({
        model: request.model,
        engine: request.engine,
        device: model.device,
        adapter: model.adapter,
        context_window: model.context_window,
        input: model.input,
        options,
      })),
      queue: this.#queue.length,
    };
  }

  #turn(reply: Reply): Promise<() => void> {
    return this.#queue.turn(reply.signal, (position) => {
      const text = position === 1 ? "Next in line" : `${position - 1} requests before this one`;
      reply.progress({ phase: "queued", fraction: null, text, loaded_bytes: null, total_bytes: null, position });
    });
  }

  #entry(name: string): Entry {
    const entry = this.#models.get(name);
    if (entry !== undefined) return entry;
    const loaded = [...this.#models.keys()];
    const there = loaded.length === 0 ? "no model is" : `loaded: ${loaded.join(", ")}`;
    throw new PageError("model_not_loaded", `the model "${name}" is not loaded (${there})`, { model: name, loaded });
  }

  async #free(name: string): Promise<void> {
    const entry = this.#models.get(name);
    this.#models.delete(name);
    await entry?.model.unload();
    this.#options.event("unloaded", { model: name, engine: entry?.request.engine ?? null });
  }

  #dropLost(name: string, entry: Entry, reason: string): void {
    if (this.#models.get(name) !== entry) return;
    this.#models.delete(name);
    this.#options.event("device_lost", { model: name, engine: entry.request.engine, reason });
    void entry.model.unload().catch((error: unknown) => {
      if (!isGpuGone(error)) this.#complain(error);
    });
  }

  readonly #complain = (error: unknown): void => {
    this.#options.event("internal_error", { ...toPageError(error).body() });
  };
}

function sameLoad(a: LoadRequest, b: LoadRequest): boolean {
  return a.engine === b.engine && a.device === b.device && JSON.stringify(a.artifact) === JSON.stringify(b.artifact);
}

function describeModel({ request, model, options }: Entry, load_ms: number): unknown {
  const { device, adapter, context_window, input } = model;
  return { model: request.model, engine: request.engine, device, adapter, context_window, input, options, load_ms };
}

/** The result of a chat that was stopped while it waited. */
function neverStarted(queue_ms: number): unknown {
  return {
    finish_reason: "cancelled",
    usage: { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 },
    timings: { queue_ms, first_token_ms: 0, decode_ms: 0, tokens_per_s: 0 },
    warnings: [],
  };
}

/** `promise`, or a rejection as soon as `signal` fires. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : cancelled("the request"));
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const settled = (): void => {
      signal.removeEventListener("abort", abort);
    };
    promise.then(resolve, reject).finally(settled);
  });
}
