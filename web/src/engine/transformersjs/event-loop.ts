/** Yields to the event loop between two steps of a computation, so that the worker's messages are delivered. */

import type { YieldToEvents } from "./decoder.ts";

const EVERY_MS = 8;

/** Yields when the last time is `EVERY_MS` ago; a message to ourselves does not wait for a timer. */
export function makeYielder(now: () => number = () => performance.now()): YieldToEvents {
  const { port1, port2 } = new MessageChannel();
  let waiting: (() => void) | null = null;
  let last = now();
  port1.onmessage = () => {
    waiting?.();
  };
  return async () => {
    if (now() - last < EVERY_MS) return;
    await new Promise<void>((resolve) => {
      waiting = resolve;
      port2.postMessage(null);
    });
    last = now();
  };
}
