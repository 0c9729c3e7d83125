/** Lets the worker's messages in between two pieces of computing. */

import type { Breathe } from "./decoder.ts";

const EVERY_MS = 8;

/** Takes a turn of the event loop when the last one is `EVERY_MS` old; a message to ourselves costs no timer's delay. */
export function makeBreathe(now: () => number = () => performance.now()): Breathe {
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
