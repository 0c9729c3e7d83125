/** An answer as it comes: read it with `for await`, or await it for the whole text. */

import { deferred } from "@browserllm/react/deferred";

/**
 * Each piece of text is read once. Leaving the loop early cancels the agent. Awaiting the stream itself gives the answer's text:
 * that of the last call of the model, without what came before a tool call.
 */
export class AnswerStream implements AsyncIterable<string>, PromiseLike<string> {
  readonly #waiting: string[] = [];
  readonly #cancel: () => Promise<void>;
  readonly #text: Promise<string>;
  #more = deferred<undefined>();
  #ended = false;

  constructor(begin: (push: (text: string) => void) => Promise<string>, cancel: () => Promise<void>) {
    this.#cancel = cancel;
    this.#text = begin((text) => {
      this.#waiting.push(text);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    this.#text.then(end, end);
  }

  then<T = string, E = never>(done?: ((text: string) => T | PromiseLike<T>) | null, failed?: ((error: unknown) => E | PromiseLike<E>) | null): Promise<T | E> {
    return this.#text.then(done, failed);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    try {
      for (;;) {
        const text = this.#waiting.shift();
        if (text !== undefined) yield text;
        else if (this.#ended) break;
        else await this.#more.promise;
      }
    } finally {
      if (!this.#ended) await this.#cancel();
    }
    await this.#text; // a failure is one for the reader, too
  }

  #wake(): void {
    this.#more.resolve(undefined);
    this.#more = deferred<undefined>();
  }
}
