/** The messages between the page and the Python worker. */

import type { Boot } from "@browserllm/react/client";

export type ToPython =
  /** `first`: this browser has not started Python here before, and so has nothing of it. */
  | { readonly type: "start"; readonly base: string; readonly port: MessagePort; readonly first: boolean }
  | { readonly type: "run"; readonly id: number; readonly code: string }
  | { readonly type: "ui"; readonly text: string };

/** Milliseconds since the worker's script began. */
export interface Timings {
  readonly started: number;
  readonly pyodide: number;
  readonly packages: number;
}

export type FromPython =
  | { readonly type: "ready"; readonly timings: Timings }
  | { readonly type: "failed"; readonly error: string }
  | { readonly type: "boot"; readonly boot: Boot }
  | { readonly type: "ran"; readonly id: number; readonly ok: true; readonly value: string | null }
  | { readonly type: "ran"; readonly id: number; readonly ok: false; readonly error: string }
  | { readonly type: "ui"; readonly text: string };
