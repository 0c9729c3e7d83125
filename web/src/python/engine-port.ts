/** The engine's port as Python sees it (`_browserllm_page.engine_port`): texts in both directions. */

import { HandlerSlot, type TextHandler } from "./handler.ts";

/** The beginning of an `environment` event. Parsing every message would cost time for each token. */
const ENVIRONMENT = '{"v":1,"type":"event","name":"environment",';

export class EnginePort {
  readonly #port: Pick<MessagePort, "postMessage" | "onmessage">;
  readonly #slot = new HandlerSlot();
  #hello: string | null = null;
  #environment: string | null = null;

  readonly #local: (text: string) => boolean;

  /** `local` makes what answers a message here, with a function that gives Python a text; it returns false for other messages. */
  constructor(
    port: Pick<MessagePort, "postMessage" | "onmessage">,
    local: (reply: (text: string) => void) => (text: string) => boolean = () => () => false,
  ) {
    this.#port = port;
    this.#local = local((text) => { this.#slot.call(text); });
    port.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== "string") return;
      this.#hello ??= data;
      if (data.startsWith(ENVIRONMENT)) this.#environment = data;
      this.#slot.call(data);
    };
  }

  // Python calls these as functions of an object, so they are bound.
  readonly send = (text: string): void => {
    if (!this.#local(text)) this.#port.postMessage(text);
  };

  /**
   * Set the function that receives the engine's messages, or null. A new function receives the hello first, and then the
   * latest environment: for Python it is a new connection, though the port stays the same. Other messages that arrive
   * without a listener are dropped: they were for a listener that has left.
   */
  readonly set_handler = (handler: TextHandler | null | undefined): void => {
    this.#slot.set(handler);
    const hello = this.#hello;
    if (hello === null || !this.#slot.filled) return;
    // Wait until the caller has returned: Python is still inside its open().
    queueMicrotask(() => {
      this.#slot.call(hello);
      if (this.#environment !== null) this.#slot.call(this.#environment);
    });
  };
}
