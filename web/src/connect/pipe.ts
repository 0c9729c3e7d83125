/** A page's end of the app: what `connect.js` hands out. The texts are those of docs/app.md. */

export interface Boot {
  readonly text: string;
  /** 0..1, or null if it is not known. */
  readonly fraction: number | null;
}

export type OnBoot = (boot: Boot) => void;

export interface AppPipe {
  send(text: string): void;
  onText(listener: (text: string) => void): () => void;
  /** Called once if the connection ends without `close`. */
  onClose(listener: (reason: string) => void): () => void;
  close(): void;
}

/** Functions that wait for one kind of news. */
export class Listeners<T> {
  readonly #listeners = new Set<(news: T) => void>();

  add(listener: (news: T) => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  tell(news: T): void {
    for (const listener of [...this.#listeners]) listener(news);
  }
}
