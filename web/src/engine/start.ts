/** Starts the engine worker from a page. */

import { serveWindow } from "./window/serve.ts";

export interface EngineHandle {
  readonly worker: Worker;
  /** The folder of the site: its files are found from here. */
  readonly base: string;
  /** A channel to the engine: one end is connected, the other is returned. `guest`: for Python outside of this site. */
  connect(options?: { readonly guest?: boolean }): MessagePort;
  onCrash(listener: (reason: string) => void): void;
  /** End the worker. */
  close(): void;
  /** The addresses of the files that the engine has fetched so far. */
  usedFiles(): Promise<readonly string[]>;
}

/** Start the engine of the site at `base` (by default the page's folder); `seen`: whether a person may see this page. */
export function startEngine({ seen = true, base = new URL("./", document.baseURI).href } = {}): EngineHandle {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "browserllm-engine" });
  serveWindow(worker, seen);
  return {
    worker,
    base,
    connect: ({ guest = false } = {}) => {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage({ type: "connect", base, port: port1, guest }, [port1]);
      return port2;
    },
    close: () => { worker.terminate(); },
    usedFiles: () => {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage({ type: "used_files", port: port1 }, [port1]);
      return new Promise((resolve) => {
        port2.onmessage = ({ data }: MessageEvent<readonly string[]>) => {
          port2.close();
          resolve(data);
        };
      });
    },
    onCrash: (listener) => {
      // An error event without a message: the script could not be fetched or parsed.
      worker.addEventListener("error", (event) => {
        listener(event.message === "" ? "its program could not be loaded" : event.message);
      });
    },
  };
}
