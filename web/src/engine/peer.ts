/** One connection: sends the hello, reads requests, runs them, and answers; when it closes, its requests are cancelled. */

import { cancelled, PageError, toPageError } from "./errors.ts";
import { systemClock, type Clock } from "./clock.ts";
import { ChunkOutbox } from "./outbox.ts";
import { encode, parse, type Outbound, type Request } from "./protocol.ts";
import type { Reply } from "./service.ts";

/** A pipe of texts in both directions. */
export interface Wire {
  send(text: string): void;
}

export type Handle = (request: Request, reply: Reply) => Promise<unknown>;

export class Peer {
  readonly #wire: Wire;
  readonly #handle: Handle;
  readonly #clock: Clock;
  readonly #running = new Map<number, AbortController>();
  #open = true;

  constructor(wire: Wire, hello: Readonly<Record<string, unknown>>, handle: Handle, clock: Clock = systemClock) {
    this.#wire = wire;
    this.#handle = handle;
    this.#clock = clock;
    this.#send({ type: "hello", data: hello });
  }

  /** How many of its requests have not ended. */
  get pending(): number {
    return this.#running.size;
  }

  receive(text: unknown): void {
    if (!this.#open) return;
    const message = parse(text);
    switch (message.kind) {
      case "refusal":
        this.#send({ id: message.id, type: "error", error: message.error.body() });
        return;
      case "cancel":
        // A request that has ended, or never existed, needs no stop: its answer crossed this message.
        this.#running.get(message.id)?.abort(cancelled(`request ${message.id}`));
        return;
      case "request":
        void this.#run(message.id, message.request);
    }
  }

  event(name: string, data: Readonly<Record<string, unknown>>): void {
    this.#send({ type: "event", name, data });
  }

  /** The other side is gone: cancel its requests. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const controller of this.#running.values()) controller.abort(cancelled("a request whose asker is gone"));
  }

  async #run(id: number, request: Request): Promise<void> {
    if (this.#running.has(id)) {
      const error = new PageError("protocol", `a request with id ${id} is running already on this connection`);
      this.#send({ id, type: "error", error: error.body() });
      return;
    }
    const controller = new AbortController();
    this.#running.set(id, controller);
    const outbox = new ChunkOutbox((data) => { this.#send({ id, type: "chunk", data }); }, this.#clock);
    const reply: Reply = {
      signal: controller.signal,
      progress: (data) => {
        // A runtime may still report after the request has ended; there is no caller left for it.
        if (this.#running.get(id) === controller) this.#send({ id, type: "progress", data });
      },
      chunk: (...piece) => { outbox.push(...piece); },
    };
    try {
      const data = await this.#handle(request, reply);
      outbox.flush();
      this.#running.delete(id);
      this.#send({ id, type: "result", data });
    } catch (error) {
      outbox.flush();
      this.#running.delete(id);
      this.#send({ id, type: "error", error: toPageError(error).body() });
    }
  }

  #send(message: Outbound): void {
    if (this.#open) this.#wire.send(encode(message));
  }
}
