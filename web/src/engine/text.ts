/** Text as it comes out of a model, made fit to stream: whole characters, and nothing of a stop text. */

/** Holds text back while it may be the beginning of a stop text. */
export class StopFilter {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Add text; returns what may be shown, and whether a stop text was found (what follows it is dropped). */
  push(text: string): { text: string; stopped: boolean } {
    const all = this.#held + text;
    const cut = this.#firstStop(all);
    if (cut !== null) {
      this.#held = "";
      return { text: all.slice(0, cut), stopped: true };
    }
    const keep = this.#suspiciousTail(all);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stopped: false };
  }

  /** The generation ended by itself: what was held back was no stop text. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #firstStop(text: string): number | null {
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    return places.length === 0 ? null : Math.min(...places);
  }

  /** Length of the longest end of `text` that a stop text begins with. */
  #suspiciousTail(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
        if (stop.startsWith(text.slice(text.length - length))) longest = length;
      }
    }
    return longest;
  }
}

const REPLACEMENT = "\uFFFD";

/**
 * Turns token ids into text one at a time. A token may end inside a character, and what a token reads as depends on its
 * neighbours (leading spaces), so a short window is decoded again and its growth is the new text.
 */
export class TokenText {
  readonly #decode: (ids: readonly number[]) => string;
  #window: number[] = [];
  #shown = "";
  /** What a token reads as on its own; answers repeat their tokens. */
  readonly #alone = new Map<number, string>();

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /** Add a token; returns the text that is now certain, maybe none. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#decode(this.#window);
    if (text.endsWith(REPLACEMENT)) return "";
    const fresh = text.slice(this.#shown.length);
    // The window starts over with this token as context for the next.
    this.#window = [id];
    let alone = this.#alone.get(id);
    if (alone === undefined) {
      alone = this.#decode(this.#window);
      this.#alone.set(id, alone);
    }
    this.#shown = alone;
    return fresh;
  }

  /** The rest, when no more tokens come: characters that never became whole. */
  end(): string {
    const rest = this.#window.length === 0 ? "" : this.#decode(this.#window).slice(this.#shown.length);
    this.#window = [];
    this.#shown = "";
    return rest;
  }
}
