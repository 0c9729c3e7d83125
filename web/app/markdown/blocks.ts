/**
 * Splits a growing text into finished blocks, which never change again, and the rest.
 *
 * An answer grows by a few letters a frame. Only what may still change is split and drawn again, so a frame costs as much
 * at the end of a long answer as at its beginning.
 */

import { blocksOf, labelOf } from "./lexer.ts";

export interface Blocks {
  /** The source of each finished block. With more text this only becomes longer. */
  readonly frozen: readonly string[];
  /** The source of what may still change; empty once the text is complete. */
  readonly tail: string;
  /** The definitions of links (`[label]: address`) so far: label and source. They count for blocks before them, too. */
  readonly definitions: ReadonlyMap<string, string>;
}

const NOTHING: Blocks = { frozen: [], tail: "", definitions: new Map() };

/**
 * Remembers what is finished.
 *
 * A block is finished when a whole line of another block follows it. A line counts when its end is there: "<di" belongs
 * to the paragraph before it, "<div>" does not.
 */
export class BlockSplitter {
  #text = "";
  #end = 0;
  #complete = false;
  #blocks = NOTHING;

  /** Returns the blocks of a text, which usually is the last one and a little more. `complete`: nothing will follow. */
  update(source: string, complete: boolean): Blocks {
    const text = source.includes("\r") ? source.replace(/\r\n?/g, "\n") : source;
    if (text === this.#text && complete === this.#complete) return this.#blocks;
    if (this.#complete || !text.startsWith(this.#text.slice(0, this.#end))) {
      this.#end = 0;
      this.#blocks = NOTHING;
    }
    this.#text = text;
    this.#complete = complete;
    const rest = text.slice(this.#end);
    const split = splitFinished(rest, complete);
    this.#end += split.length;
    let { frozen, definitions } = this.#blocks;
    if (split.blocks.length > 0) {
      frozen = [...frozen, ...split.blocks.map((block) => block.raw)];
      definitions = withDefinitions(definitions, split.blocks);
    }
    this.#blocks = { frozen, tail: text.slice(this.#end), definitions };
    return this.#blocks;
  }
}

function splitFinished(text: string, complete: boolean): { blocks: { type: string; raw: string }[]; length: number } {
  const lines = complete ? text : text.slice(0, text.lastIndexOf("\n") + 1);
  if (lines === "") return { blocks: [], length: 0 };
  const all = blocksOf(lines);
  let finished = all.length;
  if (!complete) {
    finished = all.findLastIndex((block) => block.type !== "space");
    if (finished === -1) return { blocks: [], length: 0 };
  }
  const blocks: { type: string; raw: string }[] = [];
  let length = 0;
  for (const { type, raw } of all.slice(0, finished)) {
    const last = blocks.at(-1);
    // Blank lines go with the block before them.
    if (type === "space" && last) last.raw += raw;
    else blocks.push({ type, raw });
    length += raw.length;
  }
  return { blocks, length };
}

function withDefinitions(known: Blocks["definitions"], blocks: readonly { type: string; raw: string }[]): Blocks["definitions"] {
  const found = blocks.filter((block) => block.type === "def");
  if (found.length === 0) return known;
  const all = new Map(known);
  for (const { raw } of found) {
    const label = labelOf(raw.slice(raw.indexOf("[") + 1, raw.indexOf("]:")));
    if (!all.has(label)) all.set(label, raw);
  }
  return all;
}

/** Returns the source of the definitions that a block refers to, or an empty text. */
export function definitionsFor(block: string, definitions: Blocks["definitions"]): string {
  if (definitions.size === 0 || !block.includes("[")) return "";
  const labels = new Set([...block.matchAll(/\[([^[\]]+)\]/g)].map(([, label = ""]) => labelOf(label)));
  return [...definitions].filter(([label]) => labels.has(label)).map(([, raw]) => raw).join("\n");
}
