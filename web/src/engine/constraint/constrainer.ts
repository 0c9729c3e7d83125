/** Constrains a model's answers by a response format, with a worker that starts when one is first requested. */

import { invalid, PageError } from "../errors.ts";
import type { Format } from "./format.ts";
import { noteUsed } from "../used-files.ts";
import type { Answer, Ask, Told, Vocabulary } from "./messages.ts";

/** One answer's constraint. */
export interface Matcher {
  /** Which tokens are allowed next, one bit each in 32-bit words; null after a token that ended the answer. */
  mask(): Promise<Int32Array | null>;
  /** Continue the answer with this token. The next mask is computed while the network runs. */
  accept(token: number): void;
  /** The answer is over, however it ended. */
  end(): void;
}

/** A connection to a constraint worker. */
export interface Link {
  post(ask: Ask): void;
  close(): void;
}

/** Starts a worker. `answered` gets its answers, `broken` the reason if the worker fails. */
export type OpenLink = (answered: (answer: Answer) => void, broken: (reason: string) => void) => Link;

type Settle = (answer: Answer) => void;

/** How long a format may take to compile. XGrammar cannot be interrupted, but its worker can be ended. */
export const LONGEST_START_MS = 120_000;

export class Constrainer {
  readonly #vocabulary: () => Vocabulary;
  readonly #open: OpenLink;
  #link: Link | null = null;
  /** The callers that wait for answers, in order. */
  #waiting: Settle[] = [];

  /** `vocabulary` is called when a worker starts. */
  constructor(vocabulary: () => Vocabulary, open: OpenLink = openWorker) {
    this.#vocabulary = vocabulary;
    this.#open = open;
  }

  /**
   * Begin an answer of this format. Rejects with `invalid_request` for a format that cannot constrain an answer, and with the
   * signal's reason when it fires before the matcher is ready.
   */
  async start(format: Format, signal: AbortSignal): Promise<Matcher> {
    signal.throwIfAborted();
    const vocabulary = this.#link === null ? this.#vocabulary() : null;
    this.#link ??= this.#connect();
    const stop = (): void => { this.close(); };
    signal.addEventListener("abort", stop);
    let late = false as boolean;
    const timer = setTimeout(() => { late = true; this.close(); }, LONGEST_START_MS);
    const first = await this.#ask({ type: "start", format, vocabulary });
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (late) throw problem({ type: "refused", reason: `its grammar was not ready after ${LONGEST_START_MS / 1000} s; give a smaller schema` });
    if (first.type !== "mask") {
      // A refusal aborts XGrammar's wasm, so the next format needs a new worker.
      this.close();
      throw problem(first);
    }
    let next = Promise.resolve<Answer>(first);
    let over = false;
    return {
      mask: async () => {
        const answer = await next;
        if (answer.type === "mask") return answer.mask;
        this.close();
        throw problem(answer);
      },
      accept: (token) => {
        if (!over) next = this.#ask({ type: "accept", token });
      },
      end: () => {
        if (!over) this.#link?.post({ type: "end" });
        over = true;
      },
    };
  }

  /** End the worker, with all that it holds; the next `start` has a new one. */
  close(): void {
    this.#link?.close();
    this.#link = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const settle of waiting) settle({ type: "failed", reason: "the constraint worker was ended" });
  }

  #ask(ask: Ask): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#link === null) this.close();
      else this.#link.post(ask);
    });
  }

  #connect(): Link {
    const link: Link = this.#open(
      (answer) => {
        if (this.#link === link) this.#waiting.shift()?.(answer);
      },
      (reason) => {
        if (this.#link !== link) return;
        const waiting = this.#waiting;
        this.#waiting = [];
        this.close();
        for (const settle of waiting) settle({ type: "failed", reason });
      },
    );
    return link;
  }
}

function problem(answer: Exclude<Answer, { type: "mask" }>): PageError {
  if (answer.type === "refused") return invalid("response_format", `this 'response_format' cannot be used: ${answer.reason}`);
  return new PageError("internal", `the answer could not be constrained by its 'response_format': ${answer.reason}`);
}

function openWorker(answered: (answer: Answer) => void, broken: (reason: string) => void): Link {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "browserllm-constraint" });
  worker.addEventListener("message", ({ data }: MessageEvent<Answer | Told>) => {
    if (data.type === "used") noteUsed(data.urls);
    else answered(data);
  });
  // An error event without a message: the script could not be fetched or parsed.
  worker.addEventListener("error", (event) => { broken(event.message || "the constraint worker's program could not be loaded"); });
  return {
    post: (ask) => { worker.postMessage(ask); },
    close: () => { worker.terminate(); },
  };
}
