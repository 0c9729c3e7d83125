/** What the engine worker and the window that started it say to each other, because only a window can do it. */

import type { Battery } from "../environment.ts";

/** A file of a picked folder; `path` is relative to the folder. */
export interface PickedFile {
  readonly path: string;
  readonly file: Blob;
}

export interface PickedFolder {
  readonly name: string;
  readonly files: readonly PickedFile[];
}

export type Wish = { readonly wish: "persist" } | { readonly wish: "pick_folder"; readonly prompt: string };

export type ToWindow =
  | ({ readonly type: "ask"; readonly id: number } & Wish)
  /** Nobody waits for the answer any more. */
  | { readonly type: "ask_over"; readonly id: number }
  /** Connect an engine's half in the window (engines.ts) with its half in the worker. */
  | { readonly type: "open"; readonly engine: string; readonly port: MessagePort };

export type FromWindow =
  /** There is a window, and it answers; `seen` is whether a person may see it; `engines` are those it has a half of. */
  | { readonly type: "window"; readonly seen: boolean; readonly engines: readonly string[] }
  /** Said at the start and at every change, by browsers that tell. */
  | { readonly type: "battery"; readonly battery: Battery }
  | { readonly type: "answer"; readonly id: number; readonly ok: true; readonly value: unknown }
  /** `cancelled`: by the person. */
  | { readonly type: "answer"; readonly id: number; readonly ok: false; readonly cancelled: boolean; readonly message: string };
