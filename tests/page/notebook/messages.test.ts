import { describe, expect, it } from "vitest";
import { Joiner, pieces } from "../../../web/notebook/messages.ts";

describe("the texts of a channel", () => {
  it("are cut where no server of notebooks minds, and joined again", () => {
    const text = "é🙂".repeat(500_000);
    const cut = pieces(text);
    expect(cut.map(({ more }) => more)).toEqual([true, true, false]);
    const joiner = new Joiner();
    const joined = cut.map(({ data, more }, index) => joiner.add(index + 1, new Uint8Array(data), more));
    expect(joined).toEqual([null, null, text]);
  });

  it("are one piece if they are empty", () => {
    const [only, ...rest] = pieces("");
    expect(only?.more).toBe(false);
    expect(rest).toEqual([]);
  });

  it("are not joined over a piece that was lost", () => {
    const joiner = new Joiner();
    joiner.add(1, new Uint8Array([104]), true);
    expect(() => joiner.add(3, new Uint8Array([105]), false)).toThrow("message 2 of a channel was lost");
  });
});
