/**
 * The site's `connect-kernel.js`: the engine for a Python that this site did not start, such as a notebook's kernel in a
 * worker of the same browser. `browserllm.connect(site=...)` imports it.
 */

import { EnginePort } from "../python/engine-port.ts";

/** Start the engine. What Python gets is what `_browserllm_page` has in a page of this site. */
export function open(): { readonly base: string; readonly engine_port: EnginePort; close(): void } {
  const base = new URL("./", import.meta.url).href;
  const worker = new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module", name: "browserllm-engine" });
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ type: "connect", base, port: port1, guest: true }, [port1]);
  return { base, engine_port: new EnginePort(port2), close: () => { worker.terminate(); } };
}
