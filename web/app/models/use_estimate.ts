import { useCall } from "@browserllm/react";
import { useEffect, useState } from "react";

/** How long a download would take on this connection, in seconds. `null`: not known; `undefined`: not known yet. */
export function useEstimate(model: string, wanted: boolean): number | null | undefined {
  const call = useCall();
  const [estimate, setEstimate] = useState<number | null | undefined>(undefined);
  useEffect(() => {
    if (!wanted) return;
    const stop = new AbortController();
    call("models.estimate", { model }, { signal: stop.signal }).then(setEstimate, () => {
      if (!stop.signal.aborted) setEstimate(null);
    });
    return () => {
      stop.abort();
    };
  }, [call, model, wanted]);
  return estimate;
}
