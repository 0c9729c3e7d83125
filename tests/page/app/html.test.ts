import { describe, expect, it } from "vitest";
import { reduceHtml } from "../../../web/app/markdown/html.ts";
import { htmlOf } from "../../../web/app/markdown/lexer.ts";

describe("a model's HTML", () => {
  it.each([
    ["<b>bold</b> and <SUB>low</SUB>", "<b>bold</b> and <sub>low</sub>"],
    ['<b style="x" onclick=\'y\' class=z id="root">b</b>', "<b>b</b>"],
    ['<td colspan=2 align="right" onmouseover=x>1</td>', '<td colspan="2" align="right">1</td>'],
    ["<script>alert(1)</script>after", "after"],
    ["<style>*{display:none}", ""],
    ["<svg><g onload=x></g></svg>after", "after"],
    ["<!-- a comment -->after<!-- open", "after"],
    ["<iframe srcdoc='<b>'></iframe><form><input></form>text", "text"],
    ["<img src=x onerror=alert(1)>", '<img src="x">'],
    ['<a href="https://a.example?a=1&amp;b" target=x>a</a>', '<a href="https://a.example?a=1&amp;b">a</a>'],
    ['<a href=\'"><img src=x onerror=1>\'>a</a>', '<a href="&#34;&#62;&#60;img src=x onerror=1&#62;">a</a>'],
    ["1 < 2 > 0", "1 &#60; 2 &#62; 0"],
    ["<constructor><__proto__>x", "&#60;__proto__&#62;x"],
    ["<details open><summary>s</summary>x</details>", '<details open=""><summary>s</summary>x</details>'],
  ])("keeps only what says how a text looks: %s", (html, expected) => {
    expect(reduceHtml(html)).toBe(expected);
  });

  it("leaves nothing that the page's policy would have to block, wherever it stands in Markdown", () => {
    const html = htmlOf("a <i style='color:red'>b</i>\n\n<div onclick=x>\n\n- <img src=y onerror=z>\n\n| <u onload=x>a</u> |\n|---|\n| <style>b</style> |\n");
    expect(html).not.toMatch(/style|onclick|onerror|onload/);
  });

  it("is shown as it was written if it is very long", () => {
    const long = `<b>${"x".repeat(20_000)}</b>`;
    expect(reduceHtml(long).startsWith("&#60;b&#62;xxx")).toBe(true);
  });
});

describe("a huge table", () => {
  const table = (rows: number, columns: number): string =>
    [`| ${"h |".repeat(columns)}`, `|${"---|".repeat(columns)}`, ...Array.from({ length: rows }, (_, row) => `| ${`r${row} |`.repeat(columns)}`)].join("\n");

  it("is drawn as far as a page can bear, and says what is left out", () => {
    expect(htmlOf(table(500, 3))).not.toContain("md-left-out");
    const long = htmlOf(table(700, 3));
    expect(long).toContain('<p class="md-left-out">500/700</p>');
    expect(long).toContain("r499");
    expect(long).not.toContain("r500");
    expect(htmlOf(table(700, 100))).toContain('<p class="md-left-out">100/700</p>');
  });
});
