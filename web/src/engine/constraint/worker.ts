/** The constraint worker of one model. Terminating it frees XGrammar's memory, even in the middle of a compilation. */

import { Answerer } from "./answerer.ts";
import { loadXGrammar } from "../../patches/xgrammar/library.ts";
import { namesOf } from "../used-files.ts";
import type { Ask, Told } from "./messages.ts";

const answerer = new Answerer(async (hear) => {
  const library = await loadXGrammar(hear);
  // The files of a worker in a worker are in no other list, and the next visit without a network needs them.
  self.postMessage({ type: "used", urls: namesOf(performance) } satisfies Told);
  return library;
});
let last = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  last = last.then(async () => {
    const answer = await answerer.answer(data);
    if (answer === null) return;
    const transfer = answer.type === "mask" && answer.mask !== null ? [answer.mask.buffer] : [];
    self.postMessage(answer, { transfer });
  });
});
