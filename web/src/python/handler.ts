/** Holds the Python function that receives texts, while there is one. */

/** A Python function as Pyodide hands it over: a proxy that lives until it is destroyed. */
export interface TextHandler {
  (text: string): { destroy?(): void } | null | undefined;
  copy?(): TextHandler;
  destroy?(): void;
}

export class HandlerSlot {
  #handler: TextHandler | null = null;

  get filled(): boolean {
    return this.#handler !== null;
  }

  /** Put a function in, or take it out with null. Pyodide destroys an argument after the call, so a copy is kept. */
  set(handler: TextHandler | null | undefined): void {
    const old = this.#handler;
    this.#handler = handler == null ? null : (handler.copy?.() ?? handler);
    old?.destroy?.();
  }

  call(text: string): void {
    // Python's return value may be a proxy too; it is not used.
    this.#handler?.(text)?.destroy?.();
  }
}
