import { useSelector } from "@browserllm/react";
import { type JSX, useEffect, useState } from "react";
import { ErrorPanel } from "./error_panel.tsx";
import { textOf } from "./strings/python.ts";

const KEY = "browserllm-told-problem";

/** For browsers that keep nothing for this site. */
let told = "";

/**
 * Why the GPU cannot be used, said in one view of a visit: it is the same in the next one, and in the settings it stays to be read.
 */
export function DeviceProblem({ tone }: { readonly tone?: "bad" | "warn" }): JSX.Element | null {
  const code = useSelector((state) => (state.device?.problem ? (textOf(state.device.problem.data["reason"]) ?? state.device.problem.code) : null));
  return code === null ? null : <Once key={code} code={code} tone={tone} />;
}

function Once({ code, tone }: { readonly code: string; readonly tone: "bad" | "warn" | undefined }): JSX.Element | null {
  const device = useSelector((state) => state.device);
  const [isNew] = useState(() => lastTold() !== code);
  useEffect(() => { tell(code); }, [code]);
  if (!isNew || !device?.problem) return null;
  return <ErrorPanel error={device.problem} tone={tone ?? (device.gpu === null ? "bad" : "warn")} />;
}

function lastTold(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return told;
  }
}

function tell(code: string): void {
  try {
    sessionStorage.setItem(KEY, code);
  } catch {
    told = code;
  }
}
