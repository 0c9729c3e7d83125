import { useSelector } from "@browserllm/react";
import { useStrings } from "../strings/index.ts";

/** Returns the function that gives engines the names that people know. */
export function useEngineName(): (engine: string) => string {
  const strings = useStrings().models;
  const engines = useSelector((state) => state.engines);
  return (engine) => (engine === "prompt-api" ? strings.browserEngine : (engines.find((one) => one.name === engine)?.label ?? engine));
}
