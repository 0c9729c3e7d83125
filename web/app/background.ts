/** Work that goes on when the view that began it is left: loading a model, a comparison. */

import { type Call, type ErrorInfo, useCall } from "@browserllm/react";
import { Listeners } from "@browserllm/react/listeners";
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { infoOf } from "./errors.ts";
import { useStrings } from "./strings/index.ts";

interface Work {
  /** Present while it is in progress. */
  readonly stop: AbortController | null;
  /** Why the last one failed. */
  readonly error: ErrorInfo | null;
}

const IDLE: Work = { stop: null, error: null };

class Works {
  readonly #all = new Map<string, Work>();
  readonly #listeners = new Listeners();

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  get(name: string): Work {
    return this.#all.get(name) ?? IDLE;
  }

  set(name: string, work: Work): void {
    this.#all.set(name, work);
    this.#listeners.tell();
  }
}

/** One for each connection: a call of another app is other work. */
const known = new WeakMap<Call, Works>();

export interface Background {
  readonly running: boolean;
  readonly error: ErrorInfo | null;
  /** Begins, unless work of this name is in progress; resolves with whether it ended well. */
  readonly start: (work: (signal: AbortSignal) => Promise<unknown>) => Promise<boolean>;
  readonly stop: () => void;
  readonly clearError: () => void;
}

/** Work of a name, wherever it was begun. */
export function useBackground(name: string): Background {
  const call = useCall();
  const failed = useStrings().chat.failed;
  const works = known.get(call) ?? new Works();
  if (!known.has(call)) known.set(call, works);
  const work = useSyncExternalStore(works.subscribe, () => works.get(name));
  const start = useCallback(
    async (begin: (signal: AbortSignal) => Promise<unknown>) => {
      if (works.get(name).stop) return false;
      const stop = new AbortController();
      works.set(name, { stop, error: null });
      try {
        await begin(stop.signal);
        works.set(name, IDLE);
        return true;
      } catch (error) {
        works.set(name, { stop: null, error: infoOf(error, failed) });
        return false;
      }
    },
    [works, name, failed],
  );
  const stop = useCallback(() => {
    works.get(name).stop?.abort();
  }, [works, name]);
  const clearError = useCallback(() => {
    works.set(name, { ...works.get(name), error: null });
  }, [works, name]);
  return useMemo(() => ({ running: work.stop !== null, error: work.error, start, stop, clearError }), [work, start, stop, clearError]);
}
