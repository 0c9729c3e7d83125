/** What the hooks that call actions share: functions that do not reject, and the last error. */

import { useMemo, useState } from "react";
import type { ActionName, ArgsOf, CallOptions, ResultOf } from "./client.ts";
import type { BrowserLLMError } from "./errors.ts";
import { asError, isCancelled } from "./failures.ts";
import { useClient } from "./provider.tsx";

/** Call an action. Resolves with its result, or with `undefined` if it failed: then the hook's `error` says why. */
export type SafeCall = <A extends ActionName>(action: A, args: ArgsOf<A>, options?: CallOptions<A>) => Promise<ResultOf<A> | undefined>;

export interface WithError {
  /** Why the last function that was called failed. */
  readonly error: BrowserLLMError | undefined;
  readonly clearError: () => void;
}

/** The functions that `make` returns, which are always the same, and the last error. `make` must be a constant. */
export function useSafeActions<T extends object>(make: (call: SafeCall) => T): readonly [actions: T & Pick<WithError, "clearError">, error: BrowserLLMError | undefined] {
  const client = useClient();
  const [error, setError] = useState<BrowserLLMError | undefined>(undefined);
  const actions = useMemo(() => {
    let failed = false;
    // Setting what is set already may render once more.
    const clearError = (): void => {
      if (failed) setError(undefined);
      failed = false;
    };
    const call: SafeCall = async (action, args, options) => {
      clearError();
      try {
        return await (client.call as SafeCall)(action, args, options);
      } catch (thrown) {
        if (!isCancelled(thrown)) {
          failed = true;
          setError(asError(thrown)); // without effect if the component is gone
        }
        return undefined;
      }
    };
    return { ...make(call), clearError };
  }, [client, make]);
  return [actions, error];
}

/** Call with a promise that says whether it worked. */
export async function worked(call: Promise<unknown>): Promise<boolean> {
  return (await call) !== undefined;
}
