import { type Settings, useSelector } from "@browserllm/react";
import { startTransition, useOptimistic } from "react";
import { useAction } from "../use_action.ts";

/** A setting, and the function that changes it. What was chosen shows at once, and goes back if it was not accepted. */
export function useSetting<K extends keyof Settings>(name: K): [Settings[K], (value: Settings[K]) => void] {
  const value = useSelector((state) => state.settings[name]);
  const [shown, show] = useOptimistic(value);
  const act = useAction();
  const change = (next: Settings[K]): void => {
    startTransition(async () => {
      show(() => next);
      await act("settings.update", { changes: { [name]: next } });
    });
  };
  return [shown, change];
}
