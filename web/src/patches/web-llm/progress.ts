/**
 * What: turns WebLLM's progress texts into phases.
 * Why: WebLLM 0.2.86 reports progress as English sentences, with no phase and no bytes.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/web_llm.test.ts looks for the sentences in the library's own source.
 */

import type { LoadProgress } from "../../engine/engine.ts";

/** The GPU programs begin when the weights are loaded; the library's first word of them comes a second later. */
export const COMPILING: LoadProgress = { phase: "compiling", fraction: 0, text: "Compiling GPU programs" };

export function readProgress(report: { readonly progress: number; readonly text: string }): LoadProgress {
  const { text } = report;
  const fraction = Number.isFinite(report.progress) ? Math.min(1, Math.max(0, report.progress)) : null;
  if (text.startsWith("Loading GPU shader modules")) return { phase: "compiling", fraction, text: "Compiling GPU programs" };
  if (text.startsWith("Loading model from cache")) return { phase: "loading", fraction, text: "Loading weights" };
  if (text.startsWith("Finish loading")) return { phase: "compiling", fraction: 1, text: "Ready" };
  // The library counts whole megabytes up; the total is nowhere in its text.
  const megabytes = /(\d+)MB fetched/.exec(text)?.[1];
  if (megabytes !== undefined) {
    return { phase: "downloading", fraction, text: "Downloading weights", loaded_bytes: Number(megabytes) * 1024 * 1024 };
  }
  if (text.startsWith("Start to fetch params")) return { phase: "loading", fraction: null, text: "Looking for weights" };
  return { phase: "loading", fraction: null, text };
}
