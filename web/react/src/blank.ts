/** What counts as an empty text. Python decides it in the same way: src/browserllm/app/blank.py. */

// The last one is Braille's pattern without dots.
const BLANK = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\u2800]*$/u;

/** Says whether a text shows nothing: it is empty, or has only spaces and characters that cannot be seen. */
export function isBlank(text: string): boolean {
  return BLANK.test(text);
}
