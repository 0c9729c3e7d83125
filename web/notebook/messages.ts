/** What a notebook's widget and Python say to each other, over the widget's comm (src/browserllm/notebook/messages.py). */

import type { ChannelKind } from "../src/notebook/messages.ts";

/** From Python. `view` says which view it is for. A text's bytes are in the message's first buffer. */
export type FromPython =
  /** The answer to each hello. `fresh`: Python did not know this view. */
  | { readonly type: "welcome"; readonly view: string; readonly url: string; readonly chat: boolean; readonly busy: boolean; readonly fresh: boolean }
  /** Are you still there? Every view says hello at once. */
  | { readonly type: "check" }
  /** The kernel runs a cell, or has finished one. */
  | { readonly type: "busy"; readonly busy: boolean }
  /** It is over, for one view or (`null`) for all. */
  | { readonly type: "closed"; readonly view: string | null; readonly reason: string }
  | { readonly type: "open"; readonly view: string; readonly channel: number; readonly kind: ChannelKind }
  | { readonly type: "text"; readonly view: string; readonly channel: number; readonly n: number; readonly more: boolean }
  | { readonly type: "close"; readonly view: string; readonly channel: number; readonly reason: string };

export type ToPython =
  | { readonly type: "hello"; readonly view: string; readonly origin: string }
  | { readonly type: "ready"; readonly view: string; readonly version: string }
  | { readonly type: "problem"; readonly view: string; readonly message: string }
  | { readonly type: "text"; readonly view: string; readonly channel: number; readonly n: number; readonly more: boolean }
  | { readonly type: "ended"; readonly view: string; readonly channel: number; readonly reason: string }
  | { readonly type: "bye"; readonly view: string };

/** The model of anywidget, as far as it is used here. */
export interface Model {
  get(name: string): unknown;
  send(content: ToPython, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, listener: (...given: never[]) => void): void;
  off(event: string, listener: (...given: never[]) => void): void;
}

const PIECE_BYTES = 1024 * 1024;

/** A text as Python gets it: UTF-8, in pieces that the servers of notebooks let pass. */
export function pieces(text: string): { readonly data: ArrayBuffer; readonly more: boolean }[] {
  const bytes = new TextEncoder().encode(text);
  const found = [];
  for (let start = 0; start === 0 || start < bytes.length; start += PIECE_BYTES) {
    found.push({ data: bytes.slice(start, start + PIECE_BYTES).buffer, more: start + PIECE_BYTES < bytes.length });
  }
  return found;
}

/** Joins the pieces of a channel's texts. Returns the text when its last piece has come. */
export class Joiner {
  #pieces: Uint8Array[] = [];
  #last = 0;

  /** Throws if a piece is missing: front ends may drop messages. */
  add(n: number, data: Uint8Array, more: boolean): string | null {
    if (n !== this.#last + 1) throw new Error(`message ${this.#last + 1} of a channel was lost: ${n} has come`);
    this.#last = n;
    this.#pieces.push(data);
    if (more) return null;
    const all = this.#pieces;
    this.#pieces = [];
    const joined = new Uint8Array(all.reduce((size, piece) => size + piece.length, 0));
    let at = 0;
    for (const piece of all) {
      joined.set(piece, at);
      at += piece.length;
    }
    return new TextDecoder().decode(joined);
  }
}
