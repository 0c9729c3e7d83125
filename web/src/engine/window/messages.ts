/** The messages between the engine worker and the window that started it, for tasks that need a window. */

import type { Battery, Visibility } from "../environment.ts";

/** A file of a picked folder; `path` is relative to the folder. */
export interface PickedFile {
  readonly path: string;
  readonly file: Blob;
}

export interface PickedFolder {
  readonly name: string;
  readonly files: readonly PickedFile[];
}

export type WindowTask = { readonly task: "persist" } | { readonly task: "pick_folder"; readonly prompt: string };

export type ToWindow =
  | ({ readonly type: "ask"; readonly id: number } & WindowTask)
  /** The answer is no longer needed. */
  | { readonly type: "ask_over"; readonly id: number }
  /** Connect an engine's half in the window (engines.ts) with its half in the worker. */
  | { readonly type: "open"; readonly engine: string; readonly port: MessagePort };

export type FromWindow =
  /** The window is ready. `seen`: whether a user may see it. `engines`: the engines that it can serve. */
  | { readonly type: "window"; readonly seen: boolean; readonly engines: readonly string[] }
  /** Sent at the start and at every change, if the browser reports the battery. */
  | { readonly type: "battery"; readonly battery: Battery }
  /** Sent at the start and at every change. */
  | { readonly type: "visibility"; readonly visibility: Visibility }
  | { readonly type: "answer"; readonly id: number; readonly ok: true; readonly value: unknown }
  /** `cancelled`: by the user. */
  | { readonly type: "answer"; readonly id: number; readonly ok: false; readonly cancelled: boolean; readonly message: string };
