import { useSelector } from "@browserllm/react";

/** Returns what keeps the conversations, the settings and the keys: this page, or the process that its Python is in. */
export function useKeeper(): "page" | "process" {
  return useSelector(({ python }) => (python === "page" ? "page" : "process"));
}
