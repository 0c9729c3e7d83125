/** Functions that wait for one kind of news. */
export class Listeners<T = void> {
  readonly #listeners = new Set<(news: T) => void>();

  /** Call back with each piece of news; returns a function that stops it. */
  add(listener: (news: T) => void): () => void {
    // A listener that is added twice must be removed twice.
    const own = (news: T): void => { listener(news); };
    this.#listeners.add(own);
    return () => { this.#listeners.delete(own); };
  }

  tell(news: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(news);
      } catch (error) {
        // The others are told all the same; this one's mistake is to be found where uncaught errors are.
        queueMicrotask(() => { throw error; });
      }
    }
  }
}
