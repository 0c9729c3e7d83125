/** Makes a model's text ready to stream: whole characters, and no part of a stop text. */

/** Holds text back while it may be the beginning of a stop text. Looks at each character once for each stop text. */
export class StopFilter {
  readonly #stops: readonly Search[];
  /** Text that may be the beginning of a stop text, in pieces as it came. */
  #held: string[] = [];
  #first = 0;
  #heldLength = 0;

  constructor(stops: readonly string[]) {
    this.#stops = stops.map((stop) => new Search(stop));
  }

  /** Add text; returns what may be shown, and whether a stop text was found (what follows it is dropped). */
  push(text: string): { text: string; stopped: boolean } {
    let cut: number | null = null;
    let keep = 0;
    for (const stop of this.#stops) {
      const end = stop.push(text);
      if (end !== null) cut = Math.min(cut ?? Infinity, this.#heldLength + end - stop.length);
      keep = Math.max(keep, stop.matched);
    }
    this.#held.push(text);
    this.#heldLength += text.length;
    const shown = this.#release(cut ?? this.#heldLength - keep);
    if (cut !== null) this.end();
    return { text: shown, stopped: cut !== null };
  }

  /** The generation ended by itself: the text that was held back was not a stop text. */
  end(): string {
    for (const stop of this.#stops) stop.matched = 0;
    return this.#release(this.#heldLength);
  }

  /** Take this many characters from the start of the text that is held back. */
  #release(length: number): string {
    const pieces: string[] = [];
    let left = length;
    for (let piece = this.#held[this.#first]; piece !== undefined && left > 0; piece = this.#held[this.#first]) {
      pieces.push(piece.slice(0, left));
      if (piece.length > left) {
        this.#held[this.#first] = piece.slice(left);
        break;
      }
      left -= piece.length;
      this.#first += 1;
    }
    // Half of the pieces at least, so that moving the others costs no more than they did.
    if (this.#first * 2 > this.#held.length) {
      this.#held.splice(0, this.#first);
      this.#first = 0;
    }
    this.#heldLength -= length;
    return pieces.join("");
  }
}

/** Looks for one text in pieces of another (Knuth, Morris and Pratt), without ever going back. */
class Search {
  /** How many characters of the text the last characters match. */
  matched = 0;
  readonly #text: string;
  /** For each beginning of the text, the longest shorter one that it ends with. */
  readonly #shorter: readonly number[];

  constructor(text: string) {
    this.#text = text;
    const shorter = [0];
    for (let index = 1, length = 0; index < text.length; index += 1) {
      while (length > 0 && text[index] !== text[length]) length = shorter[length - 1] ?? 0;
      if (text[index] === text[length]) length += 1;
      shorter.push(length);
    }
    this.#shorter = shorter;
  }

  get length(): number {
    return this.#text.length;
  }

  /** Read a piece; returns where in this piece the text ends for the first time, or null. */
  push(piece: string): number | null {
    for (let index = 0; index < piece.length; index += 1) {
      while (this.matched > 0 && piece[index] !== this.#text[this.matched]) {
        this.matched = this.#shorter[this.matched - 1] ?? 0;
      }
      if (piece[index] === this.#text[this.matched]) this.matched += 1;
      if (this.matched === this.#text.length) {
        this.matched = 0;
        return index + 1;
      }
    }
    return null;
  }
}

const REPLACEMENT = "\uFFFD";
/** The most tokens that one character is made of; a longer sequence is not a character, and is shown as it is. */
const MAX_TOKENS = 8;

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

  /** Add a token; returns the text that is now certain, which may be empty. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#decode(this.#window);
    if (text.endsWith(REPLACEMENT) && this.#window.length < MAX_TOKENS) return "";
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

  /** The rest, after the last token: characters that stayed incomplete. */
  end(): string {
    const rest = this.#window.length === 0 ? "" : this.#decode(this.#window).slice(this.#shown.length);
    this.#window = [];
    this.#shown = "";
    return rest;
  }
}
