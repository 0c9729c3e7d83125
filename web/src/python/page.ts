/** Starts Python in its worker, from a page. */

import type { Boot } from "@browserllm/react/client";
import type { EngineHandle } from "../engine/start.ts";
import type { FromPython, Timings, ToPython } from "./messages.ts";

/** A page's `window.browserllm`: Python for tests and experiments. */
export interface PythonConsole {
  /** Run Python (top-level await works). Resolves with the last expression's value: a str unchanged, other values as JSON. */
  python(code: string): Promise<string | null>;
  readonly ready: Promise<void>;
  readonly timings: Promise<Timings>;
}

export interface PythonHandle {
  readonly console: PythonConsole;
  readonly run: PythonConsole["python"];
  readonly ready: Promise<void>;
  /** End the worker. */
  close(): void;
  sendUi(text: string): void;
  onUi(listener: (text: string) => void): void;
  onBoot(listener: (boot: Boot) => void): void;
}

declare global {
  interface Window {
    browserllm: PythonConsole;
  }
}

const STARTED = "browserllm-started";

/** Whether this browser has started Python here before, as far as it keeps anything for this site. */
function isFirst(): boolean {
  try {
    return localStorage.getItem(STARTED) === null;
  } catch {
    return false;
  }
}

function noteStarted(): void {
  try {
    localStorage.setItem(STARTED, "1");
  } catch {
    // The browser keeps nothing for this site.
  }
}

export function startPython(engine: EngineHandle): PythonHandle {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "browserllm-python" });
  const waiting = new Map<number, { resolve: (value: string | null) => void; reject: (error: Error) => void }>();
  const uiListeners: ((text: string) => void)[] = [];
  const bootListeners: ((boot: Boot) => void)[] = [];
  let lastId = 0;
  let resolveReady: (timings: Timings) => void = () => undefined;
  let rejectReady: (error: Error) => void = () => undefined;
  const timings = new Promise<Timings>((resolve, reject) => {
    resolveReady = resolve;
    rejectReady = reject;
  });
  const ready = timings.then(() => undefined);
  timings.catch(() => undefined);
  ready.catch(() => undefined); // a page that does not use `ready` shows the failure in other ways

  const fail = (error: Error): void => {
    rejectReady(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<FromPython>) => {
    switch (data.type) {
      case "ready":
        noteStarted();
        resolveReady(data.timings);
        return;
      case "failed":
        fail(new Error(data.error));
        return;
      case "boot":
        for (const listener of bootListeners) listener(data.boot);
        return;
      case "ran": {
        const asker = waiting.get(data.id);
        waiting.delete(data.id);
        if (data.ok) asker?.resolve(data.value);
        else asker?.reject(new Error(data.error));
        return;
      }
      case "ui":
        for (const listener of uiListeners) listener(data.text);
    }
  };
  worker.onerror = ({ message }) => {
    fail(new Error(message === "" ? "Python's worker could not be loaded" : message));
  };

  const post = (message: ToPython, transfer: Transferable[] = []): void => {
    worker.postMessage(message, transfer);
  };
  const run = (code: string): Promise<string | null> => {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      post({ type: "run", id, code });
    });
  };
  const port = engine.connect();
  post({ type: "start", base: engine.base, port, first: isFirst() }, [port]);
  return {
    console: { python: run, ready, timings },
    run,
    ready,
    close: () => { worker.terminate(); },
    sendUi: (text) => { post({ type: "ui", text }); },
    onUi: (listener) => { uiListeners.push(listener); },
    onBoot: (listener) => { bootListeners.push(listener); },
  };
}
