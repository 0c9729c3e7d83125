import { describe, expect, it } from "vitest";
import { StopFilter, TokenText } from "../../web/src/engine/text.ts";

describe("stop texts", () => {
  /** Everything shown, with the text cut into pieces of one size. */
  function show(text: string, stops: string[], size: number): { text: string; stopped: boolean } {
    const filter = new StopFilter(stops);
    let shown = "";
    for (let from = 0; from < text.length; from += size) {
      const piece = filter.push(text.slice(from, from + size));
      shown += piece.text;
      if (piece.stopped) return { text: shown, stopped: true };
    }
    return { text: shown + filter.end(), stopped: false };
  }

  it.each([1, 2, 3, 100])("end the text before them, in pieces of %d", (size) => {
    expect(show("one two END three", ["END"], size)).toEqual({ text: "one two ", stopped: true });
    expect(show("aab aabaac", ["aac"], size)).toEqual({ text: "aab aab", stopped: true });
    expect(show("xyz", ["zz", "y"], size)).toEqual({ text: "x", stopped: true });
  });

  it.each([1, 2, 100])("that only begin are shown in the end, in pieces of %d", (size) => {
    expect(show("one EN", ["END"], size)).toEqual({ text: "one EN", stopped: false });
    expect(show("E EN E", ["END"], size)).toEqual({ text: "E EN E", stopped: false });
  });

  it("hold nothing back without need", () => {
    const filter = new StopFilter(["END"]);
    expect(filter.push("hello").text).toBe("hello");
    expect(filter.push(" E").text).toBe(" ");
    expect(filter.push("lse").text).toBe("Else");
    expect(new StopFilter([]).push("END").text).toBe("END");
  });

  it("end the same text, however it and the stops repeat themselves", () => {
    let seed = 7;
    const below = (limit: number): number => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed % limit;
    };
    const word = (longest: number): string => Array.from({ length: 1 + below(longest) }, () => "ab"[below(2)]).join("");
    for (let times = 0; times < 3000; times += 1) {
      const stops = Array.from({ length: 1 + below(2) }, () => word(5));
      const text = word(24);
      const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
      const expected = places.length === 0 ? text : text.slice(0, Math.min(...places));
      expect(show(text, stops, 100), `${text} ${stops.join(" ")}`).toEqual({ text: expected, stopped: places.length > 0 });
      if (stops.length === 1) expect(show(text, stops, 1)).toEqual({ text: expected, stopped: places.length > 0 });
    }
  });

  it("may be long, and nearly come again and again", () => {
    // Each token against each beginning of the stop text would be a thousand million comparisons of long texts.
    const filter = new StopFilter([`${"a".repeat(100_000)}b`, `${"ab".repeat(50_000)}c`]);
    let shown = 0;
    for (let pushed = 0; pushed < 200_000; pushed += 1) shown += filter.push("a").text.length;
    expect(shown).toBe(100_000);
    expect(filter.push("b")).toEqual({ text: "", stopped: true });
  });
});

describe("tokens as text", () => {
  /** A byte-level vocabulary: each token is one byte, as the smallest tokens of real ones are. */
  const decode = (ids: readonly number[]): string => new TextDecoder().decode(new Uint8Array(ids));

  it("show a character when it is whole", () => {
    const text = new TokenText(decode);
    const shown = [...new TextEncoder().encode("aé🦊b")].map((id) => text.push(id));
    expect(shown).toEqual(["a", "", "é", "", "", "", "🦊", "b"]);
    expect(text.end()).toBe("");
  });

  it("show in the end what never became whole", () => {
    const text = new TokenText(decode);
    expect(text.push(0x61)).toBe("a");
    expect(text.push(0xf0)).toBe("");
    expect(text.end()).toBe("\uFFFD");
    expect(text.end()).toBe("");
  });

  it("keep the spaces that a decoder drops at the beginning", () => {
    const words = ["▁one", "▁two", "▁three"];
    const sentencePiece = (ids: readonly number[]): string => ids.map((id) => words[id]).join("").replaceAll("▁", " ").trimStart();
    const text = new TokenText(sentencePiece);
    expect([0, 1, 2].map((id) => text.push(id)).join("")).toBe("one two three");
  });

  it("read each token a bounded number of times, also where none of them is ever a character", () => {
    let read = 0;
    const text = new TokenText((ids) => {
      read += ids.length;
      return decode(ids);
    });
    const garbage = Array.from({ length: 4000 }, (_, index) => [0xf0, 0x9f, 0x80][index % 3] ?? 0);
    const shown = garbage.map((id) => text.push(id)).join("") + text.end();
    expect(read).toBeLessThan(10 * garbage.length);
    expect(shown).toMatch(/^\uFFFD+$/);
    expect(text.push(0x61)).toBe("a");
  });

  it("give the same text one by one as all at once", () => {
    const all = [...new TextEncoder().encode("Füße, 山, 👩‍👩‍👧 and ☕!")];
    const text = new TokenText(decode);
    expect(all.map((id) => text.push(id)).join("") + text.end()).toBe(decode(all));
  });
});
