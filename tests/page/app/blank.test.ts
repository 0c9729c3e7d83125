import { expect, it } from "vitest";
import { readFileSync } from "node:fs";
import { isBlank } from "../../../web/react/src/blank.ts";

it("a text is blank if it shows nothing", () => {
  for (const text of ["", " \n\t", "\u200b", "\ufeff", "\u2060\u00a0", "\u200d\ufe0f", "\u2800", "\0", "\u{e0041}"]) expect(isBlank(text), JSON.stringify(text)).toBe(true);
  for (const text of ["a", "\u200ba", ".", "👩\u200d👩\u200d👧", "\u0600", "\u06dd", "\u0301"]) expect(isBlank(text), JSON.stringify(text)).toBe(false);
});

it("Python has the same characters", () => {
  const source = readFileSync(new URL("../../../src/browserllm/app/blank.py", import.meta.url), "utf-8");
  const listed = [...source.matchAll(/^ {4}"([^"]*)"/gm)].map(([, line = ""]) => line.replaceAll(/\\U000([0-9a-f]{5})/g, "\\u{$1}").replaceAll(/\\u([0-9a-f]{4})/g, "\\u{$1}"));
  expect(listed).toHaveLength(4); // three of Unicode's, and one of the others
  const python = new RegExp(`^[\\s${listed.join("")}]*$`, "u");
  const differ: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const text = String.fromCodePoint(code);
    if (python.test(text) !== isBlank(text)) differ.push(code.toString(16));
  }
  expect(differ).toEqual([]);
});
