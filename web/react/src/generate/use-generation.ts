/** What `useCompletion` and `useObject` share. */

import { useEffect, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { useClient } from "../provider.tsx";
import { Generation, type GenerationOptions, type GenerationSnapshot } from "./generation.ts";

export interface UseGenerationOptions extends GenerationOptions {
  /** Stop the request when the component is gone; by default it is stopped, as its result cannot be seen any more. */
  readonly cancelOnUnmount?: boolean | undefined;
}

/** A generation that belongs to this component. `initial` counts for the first render. */
export function useGeneration(options: UseGenerationOptions, initial: Partial<GenerationSnapshot>): readonly [Generation, GenerationSnapshot] {
  const client = useClient();
  const first = useRef(initial);
  const generation = useMemo(() => new Generation(client, first.current), [client]);
  const cancels = useRef(true);
  const mounts = useRef(0);
  useInsertionEffect(() => {
    generation.options = options;
    cancels.current = options.cancelOnUnmount ?? true;
  });
  const now = useSyncExternalStore(generation.subscribe, generation.getSnapshot, generation.getSnapshot);
  useEffect(() => {
    mounts.current += 1;
    return () => {
      mounts.current -= 1;
      // StrictMode unmounts and mounts again in one go.
      queueMicrotask(() => { if (mounts.current === 0 && cancels.current) generation.stop(); });
    };
  }, [generation]);
  return [generation, now];
}
