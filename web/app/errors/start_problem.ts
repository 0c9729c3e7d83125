/** Why the app does not start, in the words of the page: often there is no Python yet that could tell. */

import type { ErrorInfo } from "@browserllm/react";
import type { Strings } from "../strings/index.ts";

/** What the page is asked about; tests have their own. */
interface Surface {
  readonly online: boolean;
  /** What the browser lacks, by the name of the standard. */
  readonly missing: readonly string[];
}

/** Looks at this page. */
export function lookAround(): Surface {
  const needed: [string, boolean][] = [
    ["WebAssembly", typeof WebAssembly === "object"],
    ["Worker", typeof Worker === "function"],
    ["IndexedDB", typeof indexedDB === "object"],
    ["WebAssembly SIMD", hasSimd()],
  ];
  return { online: navigator.onLine, missing: needed.filter(([, has]) => !has).map(([name]) => name) };
}

/** The smallest module that has a SIMD instruction: () -> v128. */
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

function hasSimd(): boolean {
  try {
    return WebAssembly.validate(SIMD);
  } catch {
    return false;
  }
}

/** Returns the problem as people see it: the browser, the network, or Python itself. */
export function startProblem(error: ErrorInfo, surface: Surface, words: Strings["problems"]): ErrorInfo {
  const [first] = surface.missing;
  const data = { ...error.data, translated: true };
  if (first !== undefined) {
    return { ...error, data, title: words.tooOldTitle, message: words.tooOldText(first), remedy: words.tooOldRemedy, actions: ["reload"] };
  }
  if (error.code !== "connect_failed") return error;
  if (!surface.online) return { ...error, data, title: words.offlineTitle, message: words.offlineText, remedy: words.offlineRemedy, actions: ["retry"] };
  return { ...error, data, title: words.pythonTitle, message: words.pythonText(error.message), remedy: words.pythonRemedy, actions: ["retry", "reload"] };
}
