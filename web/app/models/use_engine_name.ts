import { useSelector } from "@browserllm/react";

/** Returns the function that gives engines the names that people know. */
export function useEngineName(): (engine: string) => string {
  const engines = useSelector((state) => state.engines);
  return (engine) => engines.find((one) => one.name === engine)?.label ?? engine;
}
