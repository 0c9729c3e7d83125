/** What the engine worker and the disk worker tell each other. */

import type { PageError } from "../errors.ts";

type Request =
  | { readonly op: "open"; readonly name: string }
  | { readonly op: "flush" | "close" }
  | { readonly op: "read"; readonly at: number; readonly length: number }
  | { readonly op: "write"; readonly at: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly op: "truncate"; readonly size: number };

/** `id` numbers the requests, and `file` the files that are open. */
export type DiskRequest = Request & { readonly id: number; readonly file: number };
/** A request before it is numbered. */
export type DiskOrder = Request & { readonly file: number };

export interface DiskAnswer {
  readonly id: number;
  /** The size of a file that was opened. */
  readonly size?: number;
  /** What was read, or the array that was written, for its buffer. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly error?: ReturnType<PageError["body"]> | { readonly name: string; readonly message: string };
}
