import { type AppState, type ErrorInfo, shallowEqual, useSelector } from "@browserllm/react";
import { useStrings } from "../strings/index.ts";

/** Why nothing can answer here: no engine runs, and no cloud may be asked. `null` if something can, or is not known yet. */
export function useNothingRuns(): ErrorInfo | null {
  const words = useStrings().problems;
  const { stuck, problem } = useSelector(look, shallowEqual);
  if (!stuck) return null;
  const own: ErrorInfo = problem ?? { code: "unavailable", title: words.nothingTitle, message: words.nothingText, remedy: words.tooOldRemedy, actions: [], data: { translated: true } };
  return { ...own, actions: [...new Set([...own.actions, "reload" as const, "use_cloud" as const])] };
}

function look(state: AppState): { readonly stuck: boolean; readonly problem: ErrorInfo | null } {
  const { engines, clouds, device } = state;
  const stuck = engines.length > 0 && engines.every((engine) => !engine.available) && !Object.values(clouds).some((cloud) => cloud.enabled);
  return { stuck, problem: device?.problem ?? null };
}
