/**
 * The site's `connect.js`: starts the engine and Python in this page, and hands out pipes to the app.
 *
 * Pages import it by its address, which is the same in every build. A site that a Python process serves has another file in
 * its place (served.ts).
 */

import { startEngine, type EngineHandle } from "../engine/start.ts";
import { namesOf } from "../engine/used-files.ts";
import { startPython, type PythonHandle } from "../python/page.ts";
import type { Boot } from "@browserllm/react/client";
import { Listeners } from "@browserllm/react/listeners";
import type { AppPipe, OnBoot } from "./pipe.ts";

const MAIN = "from browserllm.app.page import main; main()";

/** The extras that Python has added: all else that it fetches is kept anyway. */
const FETCHED = "from js import performance\n[entry.name for entry in performance.getEntriesByType('resource')]";

/** Where the site's files are: the folder of this very file. */
const BASE = new URL("./", import.meta.url).href;

/** The one Python of this page, which all pipes share. */
class PageApp {
  readonly boots = new Listeners<Boot>();
  readonly closed = new Listeners<string>();
  readonly #engine: EngineHandle;
  readonly #python: PythonHandle;
  readonly #pipes = new Map<number, Listeners<string>>();
  #boot: Boot = { text: "Starting Python", fraction: 0 };
  #lastPipe = 0;
  #cancel: (error: Error) => void = () => undefined;
  readonly #started: Promise<void>;
  #ended: string | null = null;

  constructor() {
    this.#engine = startEngine({ base: BASE });
    this.#python = startPython(this.#engine);
    window.browserllm = this.#python.console;
    this.#python.onUi((text) => {
      // Each text begins with the number of its pipe.
      const colon = text.indexOf(":");
      this.#pipes.get(Number(text.slice(0, colon)))?.tell(text.slice(colon + 1));
    });
    this.#python.onBoot((boot) => {
      this.#boot = boot;
      this.boots.tell(this.#boot);
    });
    this.#engine.onCrash((reason) => { this.#end(`the engine stopped: ${reason}; reload the page`); });
    const cancelled = new Promise<never>((_, reject) => { this.#cancel = reject; });
    this.#started = Promise.race([this.#python.ready.then(() => this.#python.run(MAIN)).then(() => undefined), cancelled]);
    this.#started.catch(() => { this.#stop(); });
  }

  /** Open a pipe, once Python has started. Rejects if it cannot, or if the engine has stopped. */
  async open(onBoot?: OnBoot): Promise<AppPipe> {
    onBoot?.(this.#boot);
    const stop = onBoot === undefined ? undefined : this.boots.add(onBoot);
    try {
      await this.#started;
    } finally {
      stop?.();
    }
    if (this.#ended !== null) throw new Error(this.#ended);
    this.#lastPipe += 1;
    const number = this.#lastPipe;
    const texts = new Listeners<string>();
    this.#pipes.set(number, texts);
    return {
      send: (text) => { this.#python.sendUi(`${number}:${text}`); },
      onText: (listener) => texts.add(listener),
      onClose: (listener) => this.closed.add(listener),
      close: () => {
        // An empty text closes the pipe on Python's side. Python and the engine stay: another part of the page may use them.
        if (this.#pipes.delete(number)) this.#python.sendUi(`${number}:`);
      },
    };
  }

  /** Give up the start; once it has started this does nothing. */
  cancelStart(): void {
    this.#cancel(new Error("the start was cancelled"));
  }

  /** The addresses of the files that this page, its engine and its Python have fetched. */
  async usedFiles(): Promise<string[]> {
    const python = JSON.parse((await this.#python.run(FETCHED)) ?? "[]") as string[];
    return [...namesOf(performance), ...python, ...(await this.#engine.usedFiles())];
  }

  #end(reason: string): void {
    this.#ended = reason;
    this.#stop();
    this.closed.tell(reason);
  }

  /** End the workers, so that another attempt does not run beside them. */
  #stop(): void {
    if (app === this) app = null;
    this.#python.close();
    this.#engine.close();
  }
}

let app: PageApp | null = null;

/** The files that this visit has used so far, for the service worker to keep. */
export function usedFiles(): Promise<string[]> {
  return app === null ? Promise.resolve([]) : app.usedFiles();
}

/** Give up a start in progress: nothing more is fetched. What has started stays. */
export function cancelStart(): void {
  app?.cancelStart();
}

/** Open a pipe to the app; the first call starts it. */
export function connect(onBoot?: OnBoot): Promise<AppPipe> {
  app ??= new PageApp();
  return app.open(onBoot);
}
