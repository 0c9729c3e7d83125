/** Closes what the unfinished end of an answer has opened, so that signs do not flicker: `**bol` is drawn bold at once. */

/** A longer paragraph stays as it is: it is drawn anew with each frame. */
const LONGEST = 4000;

const FENCE = /^ {0,3}(?:```|~~~)/m;

/** Returns the end of a text as it will probably go on. Only for drawing: the text itself stays as it is. */
export function mendTail(tail: string): string {
  if (FENCE.test(tail)) return tail;
  const gap = tail.lastIndexOf("\n\n");
  const start = gap === -1 ? 0 : gap + 2;
  if (tail.length - start > LONGEST) return tail;
  return tail.slice(0, start) + closed(withoutOpenLink(tail.slice(start)));
}

/** An unfinished `[text](https://exam` is its text until it is whole. */
function withoutOpenLink(text: string): string {
  return text.replace(/!?\[([^[\]\n]*)\]\([^()\s]*$/, "$1").replace(/(^|[^\]!])!?\[([^[\]\n]*)$/, "$1$2");
}

function closed(text: string): string {
  const code = text.match(/`+/g) ?? [];
  if (code.length % 2 === 1) return /`$/.test(text) ? text.replace(/`+$/, "") : text + (code.at(-1) ?? "");
  const words = text.replace(/(`+)[^]*?\1/g, (span) => "x".repeat(span.length));
  let end = "";
  if (odd(words, /\*\*/g)) end = "**";
  else if (odd(words, /~~/g)) end = "~~";
  const single = words.replaceAll("**", "");
  if (/(?:^|\s)\*\S/.test(single) && odd(single.replace(/^\s*\*\s/gm, ""), /\*/g)) end = `*${end}`;
  if (end === "") return text;
  const bare = text.replace(/(?:\*+|~+)$/, "");
  // Signs with nothing behind them yet are left away; others are closed directly behind the last word.
  return bare.length < text.length ? bare : text.replace(/\s*$/, (space) => end + space);
}

function odd(text: string, sign: RegExp): boolean {
  return (text.match(sign)?.length ?? 0) % 2 === 1;
}
