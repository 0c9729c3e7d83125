/** The worker's side of the port to the window: each operation a promise, stopped by a signal. */

import { cancelled, PageError } from "../errors.ts";
import type { Fault, FromLanguageModel, Operations, ToLanguageModel } from "./messages.ts";

/** The part of a MessagePort that is used. */
export interface Port {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: ToLanguageModel): void;
}

export interface Listeners {
  readonly signal?: AbortSignal;
  readonly onProgress?: (loaded: number) => void;
  readonly onChunk?: (text: string) => void;
}

interface Waiting extends Listeners {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class LanguageModelLink {
  readonly #port: Port;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(port: Port) {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<FromLanguageModel>) => { this.#receive(data); };
  }

  /** Request an operation. When `signal` fires, it rejects at once with `cancelled` and drops later messages. */
  ask<K extends keyof Operations>(op: K, args: Operations[K]["args"], listeners: Listeners = {}): Promise<Operations[K]["value"]> {
    const { signal } = listeners;
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<Operations[K]["value"]>((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        if (!this.#waiting.delete(id)) return;
        this.#port.postMessage({ op: "abort", id });
        reject(signal?.reason instanceof Error ? signal.reason : cancelled("the request to the browser's model"));
      };
      signal?.addEventListener("abort", abort, { once: true });
      const end = (): void => { signal?.removeEventListener("abort", abort); };
      this.#waiting.set(id, {
        ...listeners,
        resolve: (value) => { end(); resolve(value as Operations[K]["value"]); },
        reject: (error) => { end(); reject(error); },
      });
      this.#port.postMessage({ id, op, args } as ToLanguageModel);
    });
  }

  destroy(session: number): void {
    this.#port.postMessage({ op: "destroy", session });
  }

  #receive(message: FromLanguageModel): void {
    const waiting = this.#waiting.get(message.id);
    switch (message.type) {
      case "progress":
        waiting?.onProgress?.(message.loaded);
        return;
      case "chunk":
        waiting?.onChunk?.(message.text);
        return;
      case "result":
        this.#waiting.delete(message.id);
        if (waiting === undefined) this.#discard(message.value);
        else waiting.resolve(message.value);
        return;
      case "error":
        this.#waiting.delete(message.id);
        waiting?.reject(errorOf(message.error));
    }
  }

  /** Destroy a session that was created after its caller had left. */
  #discard(value: unknown): void {
    if (typeof value === "object" && value !== null && "session" in value) this.destroy(Number(value.session));
  }
}

/** Translate a DOMException of `LanguageModel`. */
export function errorOf({ name, message, requested, quota }: Fault): PageError {
  const report = `the browser's model reported ${name}: ${message}`;
  switch (name) {
    case "QuotaExceededError": {
      const numbers = { ...(requested === null ? {} : { prompt_tokens: requested }), ...(quota === null ? {} : { context_window: quota }) };
      return new PageError("context_exceeded", `the prompt is longer than the context window of the browser's model (${message}); shorten the messages`, numbers);
    }
    case "NotAllowedError": {
      const remedy = "browsers download their model only after a click or a key press in the page, and only if the page's permissions policy allows it";
      return new PageError("unavailable", `${report}; ${remedy}`, { reason: "blocked" });
    }
    case "NotSupportedError":
      return new PageError("unsupported", `${report}; it does not take this input, schema or language`);
    case "NotReadableError":
      return new PageError("content_filtered", `${report}; the browser withheld the answer`);
    case "NetworkError":
      return new PageError("download_interrupted", `${report}; check the network and load the model again`, { reason: "network" });
    case "AbortError":
      return new PageError("cancelled", report);
    case "TypeError":
    case "SyntaxError":
      return new PageError("invalid_request", report);
    default:
      return new PageError("internal", report, { name });
  }
}
