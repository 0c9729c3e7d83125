/** What a screen reader hears of a growing answer: whole sentences, and not more often than it can speak. */

/** The end of a sentence, or of a line. */
const SENTENCE_END = /[.!?…。！？؟](?=\s|$)|\n/g;

export class Announcements {
  #heard = 0;

  /** Begins with another answer, of which this much is known already. */
  begin(length: number): void {
    this.#heard = length;
  }

  /** Returns the whole sentences that are new, or an empty text. `complete`: what is left counts as a sentence. */
  next(text: string, complete: boolean): string {
    if (text.length < this.#heard) this.#heard = 0;
    const fresh = text.slice(this.#heard);
    let end = complete ? fresh.length : 0;
    if (!complete) for (const found of fresh.matchAll(SENTENCE_END)) end = found.index + found[0].length;
    this.#heard += end;
    return spoken(fresh.slice(0, end));
  }
}

/** Leaves away what only says how a text looks. */
function spoken(markdown: string): string {
  return markdown
    .replace(/^ {0,3}(?:```|~~~).*$/gm, "")
    .replace(/!?\[([^[\]]*)\]\([^()]*\)/g, "$1")
    .replace(/[*_`#>|]+/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
