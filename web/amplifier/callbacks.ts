/** Calls the page's functions. */

/** Tell a function of the page; what it throws is for the console, and the agent goes on. */
export function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
