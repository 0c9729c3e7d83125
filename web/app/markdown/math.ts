/**
 * Formulas, by KaTeX, which is loaded when the first one is to be drawn.
 *
 * KaTeX places the parts of a formula with `style` attributes. The page's Content-Security-Policy forbids these, but not
 * that a script sets styles. So the attributes are renamed before the HTML becomes nodes, and set as styles afterwards.
 */

import { sanitizeMath } from "./sanitize.ts";

type Katex = typeof import("katex").default;

const MOST_REMEMBERED = 300;
/** Longer ones are not formulas, and would take seconds. */
const LONGEST = 5000;
/** The length of a source whose formula surely has room on a line of a phone. */
const FITS_A_PHONE = 40;

let katex: Katex | null = null;
let loading: Promise<void> | null = null;
const rendered = new Map<string, string>();

/** Loads KaTeX. A failed load (offline, before the files are kept) leaves formulas as their source; the next one tries again. */
export function loadMath(): Promise<void> {
  loading ??= Promise.all([import("katex"), import("katex/dist/katex.min.css")]).then(
    ([module]) => {
      katex = module.default;
    },
    () => {
      loading = null;
    },
  );
  return loading;
}

export const mathIsLoaded = (): boolean => katex !== null;

/** Draws the formulas inside an element that are not drawn yet. Does nothing until KaTeX is loaded. */
export function drawMath(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>(".md-math:not([data-drawn])")) {
    const tex = element.textContent;
    const html = htmlOf(tex, element.dataset["display"] === "true");
    if (html === null) continue;
    element.dataset["drawn"] = "";
    if (tex.length > FITS_A_PHONE && element.dataset["display"] !== "true") element.dataset["long"] = "";
    element.dir = "ltr";
    const nodes = sanitizeMath(html);
    for (const styled of nodes.querySelectorAll<HTMLElement>("[data-style]")) {
      styled.style.cssText = styled.dataset["style"] ?? styled.getAttribute("data-style") ?? "";
      styled.removeAttribute("data-style");
    }
    element.replaceChildren(nodes);
  }
}

function htmlOf(tex: string, display: boolean): string | null {
  if (!katex || tex.length > LONGEST) return null;
  const key = `${display ? "D" : "I"}${tex}`;
  let html = rendered.get(key);
  if (html === undefined) {
    try {
      html = katex
        .renderToString(tex, { displayMode: display, throwOnError: true, trust: false, strict: "ignore", maxExpand: 200, maxSize: 20 })
        .replaceAll(' style="', ' data-style="');
    } catch {
      html = ""; // Not a formula, or not a whole one yet: its source stays.
    }
    if (rendered.size >= MOST_REMEMBERED) rendered.clear();
    rendered.set(key, html);
  }
  return html === "" ? null : html;
}
