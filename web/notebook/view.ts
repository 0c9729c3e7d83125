/**
 * One view of a notebook's widget: the site's page in a frame, and the texts between that page and Python.
 *
 * It says hello to Python every few seconds. The first answer has the address of the page; that the later ones come is how a
 * person learns that the kernel is gone. The frame gets one end of a MessageChannel once both windows are who they should be.
 */

import type { FramePort, FromFrame, ToFrame } from "../src/notebook/messages.ts";
import { Joiner, pieces, type FromPython, type Model, type ToPython } from "./messages.ts";
import { Panel } from "./panel.ts";
import { words } from "./words.ts";

export const HELLO_MS = 5000;
/** After so many hellos without an answer Python counts as gone. */
export const PATIENCE = 3;
export const FRAME_WAIT_MS = 15_000;

/** What a page may do in a frame only if it is allowed to: copy, use the browser's own model, reach this machine. */
const ALLOW = "clipboard-write; cross-origin-isolated; language-model; local-network-access; fullscreen";

/** The notebook's page, as far as it is used here; tests have their own. */
export interface Surroundings {
  readonly origin: string;
  readonly hostname: string;
  readonly secure: boolean;
  readonly window: Pick<Window, "addEventListener" | "removeEventListener">;
  newId(): string;
}

export class View {
  readonly #model: Model;
  readonly #page: Surroundings;
  readonly #panel: Panel;
  readonly #id: string;
  readonly #joiners = new Map<number, Joiner>();
  #hello: ReturnType<typeof setInterval> | undefined;
  #frameWait: ReturnType<typeof setTimeout> | undefined;
  #frame: HTMLIFrameElement | null = null;
  #port: MessagePort | null = null;
  #site: URL | null = null;
  #chat = false;
  #unanswered = 0;
  #busy = false;
  #over = false;
  /** What is said while nothing else is. */
  #note: string | null = null;

  constructor(model: Model, el: HTMLElement, page: Surroundings) {
    this.#model = model;
    this.#page = page;
    this.#id = page.newId();
    this.#panel = new Panel(el, Number(model.get("height")) || 640);
    model.on("msg:custom", this.#onMessage);
    model.on("comm_live_update", this.#onDead);
    model.on("comm:close", this.#onDead);
    page.window.addEventListener("message", this.#onWindow as EventListener);
    page.window.addEventListener("pagehide", this.#onHide);
    this.#panel.say(words.connecting);
    if (!page.secure) {
      this.#over = true;
      this.#sayHello();
      this.#refuse(words.insecure(page.origin));
      return;
    }
    this.#sayHello();
    this.#hello = setInterval(() => { this.#beat(); }, HELLO_MS);
  }

  /** The output was cleared, or its cell runs again. */
  close(): void {
    this.#send({ type: "bye", view: this.#id });
    this.#stop();
    this.#model.off("msg:custom", this.#onMessage);
    this.#model.off("comm_live_update", this.#onDead);
    this.#model.off("comm:close", this.#onDead);
    this.#page.window.removeEventListener("message", this.#onWindow as EventListener);
    this.#page.window.removeEventListener("pagehide", this.#onHide);
    this.#panel.remove();
  }

  readonly #onMessage = (message: FromPython, buffers: readonly DataView[] = []): void => {
    if (message.type === "check") {
      if (!this.#over) this.#sayHello();
    } else if (message.type === "busy") {
      this.#busy = message.busy;
    } else if (message.type === "closed") {
      if (message.view === null || message.view === this.#id) this.#end(message.reason);
    } else if (message.view === this.#id && !this.#over) {
      this.#take(message, buffers);
    }
  };

  #take(message: Exclude<FromPython, { type: "check" | "busy" | "closed" }>, buffers: readonly DataView[]): void {
    switch (message.type) {
      case "welcome":
        this.#onWelcome(message);
        return;
      case "open":
        this.#joiners.set(message.channel, new Joiner());
        this.#toFrame({ type: "open", channel: message.channel, kind: message.kind });
        return;
      case "close":
        this.#joiners.delete(message.channel);
        this.#toFrame({ type: "close", channel: message.channel, reason: message.reason });
        return;
      case "text":
        this.#onText(message, buffers[0]);
    }
  }

  #onWelcome({ url, chat, busy, fresh }: Extract<FromPython, { type: "welcome" }>): void {
    this.#unanswered = 0;
    this.#busy = busy;
    this.#chat = chat;
    if (this.#port !== null && !fresh) this.#panel.say(this.#note);
    // Python that does not know this view has none of its channels either: the page starts again.
    if (this.#frame === null || fresh) this.#openFrame(new URL(url));
  }

  #openFrame(site: URL): void {
    // The same site as the notebook's, or browsers may keep nothing for the frame. Python holds the port of both addresses.
    if (site.hostname === "127.0.0.1" && this.#page.hostname === "localhost") site.hostname = "localhost";
    this.#site = site;
    this.#note = null;
    this.#port?.close();
    this.#port = null;
    this.#joiners.clear();
    const address = new URL(site);
    address.hash = new URLSearchParams({ origin: this.#page.origin }).toString();
    this.#frame = this.#panel.frame(address.href, ALLOW);
    clearTimeout(this.#frameWait);
    this.#frameWait = setTimeout(() => { this.#refuse(words.noFrame(site, this.#page.hostname)); }, FRAME_WAIT_MS);
  }

  /** The frame says that it is there: it gets its port. */
  readonly #onWindow = ({ source, origin, data }: MessageEvent<{ type?: unknown; version?: unknown } | null>): void => {
    const target = this.#frame?.contentWindow;
    if (this.#over || target == null || source !== target || origin !== this.#site?.origin) return;
    if (data?.type !== "browserllm-frame") return;
    clearTimeout(this.#frameWait);
    const { port1, port2 } = new MessageChannel();
    this.#port?.close();
    this.#port = port1;
    const version = String(data.version);
    port1.onmessage = ({ data: message }: MessageEvent<FromFrame>) => { this.#onFrame(message, version); };
    target.postMessage({ type: "browserllm-port", chat: this.#chat } satisfies FramePort, this.#site.origin, [port2]);
  };

  #onFrame(message: FromFrame, version: string): void {
    switch (message.type) {
      case "ready":
        this.#panel.say(this.#note);
        this.#send({ type: "ready", view: this.#id, version });
        return;
      case "text":
        this.#sendText(message.channel, message.text);
        return;
      case "ended":
        this.#send({ type: "ended", view: this.#id, channel: message.channel, reason: message.reason });
        return;
      case "nothing_kept":
        this.#note = words.nothingKept(this.#site?.origin ?? "");
        this.#panel.say(this.#note);
        return;
      case "crashed": {
        for (const channel of this.#joiners.keys()) this.#send({ type: "ended", view: this.#id, channel, reason: `the engine stopped: ${message.reason}` });
        const site = this.#site;
        this.#panel.say(words.crashed(message.reason), { label: words.startAgain, act: () => { if (site) this.#openFrame(site); } });
      }
    }
  }

  readonly #numbers = new Map<number, number>();

  #sendText(channel: number, text: string): void {
    for (const { data, more } of pieces(text)) {
      const n = (this.#numbers.get(channel) ?? 0) + 1;
      this.#numbers.set(channel, n);
      this.#send({ type: "text", view: this.#id, channel, n, more }, data);
    }
  }

  #onText({ channel, n, more }: Extract<FromPython, { type: "text" }>, buffer: DataView | undefined): void {
    const joiner = this.#joiners.get(channel);
    if (joiner === undefined || buffer === undefined) return;
    try {
      const text = joiner.add(n, new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength), more);
      if (text !== null) this.#toFrame({ type: "text", channel, text });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#joiners.delete(channel);
      this.#send({ type: "ended", view: this.#id, channel, reason });
      this.#toFrame({ type: "close", channel, reason });
    }
  }

  /** Say hello again, and notice that the last ones were not answered. */
  #beat(): void {
    if (this.#unanswered >= PATIENCE) this.#panel.say(this.#busy ? words.busy : words.silent);
    else if (this.#unanswered > 0 && (this.#busy || this.#frame === null)) this.#panel.say(this.#busy ? words.busy : words.waiting);
    this.#sayHello();
  }

  #sayHello(): void {
    this.#unanswered += 1;
    this.#send({ type: "hello", view: this.#id, origin: this.#page.origin });
  }

  /** The front end says that the kernel was restarted or is gone, or that Python closed the widget. */
  readonly #onDead = (): void => { this.#end(words.dead); };

  readonly #onHide = (): void => { this.#send({ type: "bye", view: this.#id }); };

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    this.#toFrame({ type: "over", reason });
    this.#panel.say(words.over(reason));
  }

  #refuse(message: string): void {
    this.#panel.say(message);
    this.#send({ type: "problem", view: this.#id, message });
  }

  #stop(): void {
    clearInterval(this.#hello);
    clearTimeout(this.#frameWait);
  }

  #toFrame(message: ToFrame): void {
    this.#port?.postMessage(message);
  }

  #send(message: ToPython, data?: ArrayBuffer): void {
    try {
      this.#model.send(message, undefined, data === undefined ? [] : [data]);
    } catch {
      // A saved notebook that is only looked at has no comm.
      this.#panel.say(words.silent);
    }
  }
}
