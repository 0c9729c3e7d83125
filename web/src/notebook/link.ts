/** The frame's side of a notebook: connects the channels that Python opens with the engine and the app of this page. */

import type { EngineHandle } from "../engine/start.ts";
import { Listeners } from "@browserllm/react/listeners";
import type { AppPipe } from "../connect/pipe.ts";
import type { FrameHello, FramePort, FromFrame, ToFrame } from "./messages.ts";

export interface Connected {
  readonly port: MessagePort;
  readonly chat: boolean;
}

/** The window of this page, as far as it is used here. */
export interface FrameWindow {
  readonly parent: { postMessage(message: FrameHello, targetOrigin: string): void };
  addEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
}

/**
 * Ask the notebook's page for a port. `origin` is that page's, as the address of this frame says; a notebook inside a sandbox
 * has none ("null").
 */
export function askForPort(scope: FrameWindow, origin: string, version: string): Promise<Connected> {
  const opaque = origin === "" || origin === "null";
  return new Promise((resolve) => {
    const listen = ({ source, origin: from, data, ports }: MessageEvent<unknown>): void => {
      const [port] = ports;
      if (source !== scope.parent || (!opaque && from !== origin) || port === undefined || !isFramePort(data)) return;
      scope.removeEventListener("message", listen);
      resolve({ port, chat: data.chat });
    };
    scope.addEventListener("message", listen);
    scope.parent.postMessage({ type: "browserllm-frame", version }, opaque ? "*" : origin);
  });
}

function isFramePort(data: unknown): data is FramePort {
  return typeof data === "object" && data !== null && (data as { type?: unknown }).type === "browserllm-port";
}

interface Channel {
  take(text: string): void;
  close(reason: string): void;
}

export class FrameLink {
  /** Told when Python is gone, with the reason. */
  readonly over = new Listeners<string>();
  readonly #port: MessagePort;
  readonly #start: () => Pick<EngineHandle, "connect" | "onCrash" | "close">;
  readonly #onApp: (pipe: AppPipe) => void;
  readonly #channels = new Map<number, Channel>();
  #engine: Pick<EngineHandle, "connect" | "onCrash" | "close"> | null = null;

  /** `start` starts the engine when a channel first needs it; `onApp` shows the app over a pipe. */
  constructor(port: MessagePort, start: () => Pick<EngineHandle, "connect" | "onCrash" | "close">, onApp: (pipe: AppPipe) => void) {
    this.#port = port;
    this.#start = start;
    this.#onApp = onApp;
    port.onmessage = ({ data }: MessageEvent<ToFrame>) => { this.#take(data); };
    this.#post({ type: "ready" });
  }

  #take(message: ToFrame): void {
    switch (message.type) {
      case "open":
        this.#channels.set(message.channel, message.kind === "app" ? this.#openApp(message.channel) : this.#openEngine(message.channel));
        return;
      case "text":
        this.#channels.get(message.channel)?.take(message.text);
        return;
      case "close":
        this.#close(message.channel, message.reason);
        return;
      case "over":
        for (const channel of [...this.#channels.keys()]) this.#close(channel, message.reason);
        this.over.tell(message.reason);
    }
  }

  #close(number: number, reason: string): void {
    const channel = this.#channels.get(number);
    this.#channels.delete(number);
    channel?.close(reason);
  }

  #openApp(number: number): Channel {
    const texts = new Listeners<string>();
    const closed = new Listeners<string>();
    // The app subscribes after this: it is loaded first.
    const early: string[] = [];
    let listening = false;
    this.#onApp({
      send: (text) => { this.#post({ type: "text", channel: number, text }); },
      onText: (listener) => {
        const stop = texts.add(listener);
        listening = true;
        for (const text of early.splice(0)) listener(text);
        return stop;
      },
      onClose: (listener) => closed.add(listener),
      close: () => { if (this.#channels.delete(number)) this.#post({ type: "ended", channel: number, reason: "the page closed it" }); },
    });
    return {
      take: (text) => { if (listening) texts.tell(text); else early.push(text); },
      close: (reason) => { closed.tell(reason); },
    };
  }

  #openEngine(number: number): Channel {
    this.#engine ??= this.#startEngine();
    const port = this.#engine.connect({ guest: true });
    port.onmessage = ({ data }: MessageEvent<string>) => { this.#post({ type: "text", channel: number, text: data }); };
    return {
      take: (text) => { port.postMessage(text); },
      close: () => { port.close(); },
    };
  }

  #startEngine(): Pick<EngineHandle, "connect" | "onCrash" | "close"> {
    const engine = this.#start();
    engine.onCrash((reason) => {
      if (this.#engine !== engine) return;
      this.#engine = null;
      engine.close();
      this.#post({ type: "crashed", reason });
    });
    return engine;
  }

  #post(message: FromFrame): void {
    this.#port.postMessage(message);
  }
}
