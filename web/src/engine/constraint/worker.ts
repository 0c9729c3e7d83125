/** The constraint worker of one model. Terminating it frees XGrammar's memory, even in the middle of a compilation. */

import { Answerer } from "./answerer.ts";
import { loadXGrammar } from "../../patches/xgrammar/library.ts";
import type { Ask } from "./messages.ts";

const answerer = new Answerer(loadXGrammar);
let last = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  last = last.then(async () => {
    const answer = await answerer.answer(data);
    if (answer === null) return;
    const transfer = answer.type === "mask" && answer.mask !== null ? [answer.mask.buffer] : [];
    self.postMessage(answer, { transfer });
  });
});
