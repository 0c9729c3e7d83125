/** Time as the page's code sees it, so that a test can move it. */

export interface Clock {
  now(): number;
  /** Call back after some milliseconds; returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};
