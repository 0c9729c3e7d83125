/**
 * HTML that a model writes between its Markdown, reduced to a few tags that only say how a text looks.
 *
 * What is left passes DOMPurify like everything else. But a browser reports each style, handler and script that it meets
 * while DOMPurify parses, as a violation of the page's policy: these are taken away before.
 */

/** Tags that may stay, with the attributes that may stay on them. */
const TAGS: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  abbr: ["title"],
  b: [],
  blockquote: [],
  br: [],
  code: [],
  dd: [],
  del: [],
  details: ["open"],
  div: ["align"],
  dl: [],
  dt: [],
  em: [],
  h1: ["align"],
  h2: ["align"],
  h3: ["align"],
  h4: [],
  h5: [],
  h6: [],
  hr: [],
  i: [],
  img: ["src", "alt"],
  ins: [],
  kbd: [],
  li: [],
  mark: [],
  ol: ["start"],
  p: ["align"],
  pre: [],
  q: [],
  rp: [],
  rt: [],
  ruby: [],
  s: [],
  samp: [],
  small: [],
  span: [],
  strong: [],
  sub: [],
  summary: [],
  sup: [],
  table: [],
  tbody: [],
  td: ["align", "colspan", "rowspan"],
  tfoot: [],
  th: ["align", "colspan", "rowspan"],
  thead: [],
  tr: [],
  u: [],
  ul: [],
  var: [],
};

/** Longer HTML is shown as it was written. */
const LONGEST = 20_000;

/** A comment, an element whose content is no text, a tag, a lone sign, or text. */
const PIECES =
  /<!--[^]*?(?:-->|$)|<(script|style|template|noscript|iframe|object|title|textarea|xmp|noembed|noframes|svg|math)\b[^]*?(?:<\/\1\s*>|$)|<(\/?)([a-z][a-z0-9]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>|[<>]|[^<>]+/gi;
const ATTRIBUTES = /([a-z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/gi;

/** Returns HTML of a model with nothing but tags and attributes of the list. */
export function reduceHtml(html: string): string {
  if (html.length > LONGEST) return signs(html);
  return html.replace(PIECES, (piece: string, _opaque: string | undefined, slash: string | undefined, name: string | undefined, attributes: string | undefined) => {
    if (name === undefined) return /^<[a-z!]/i.test(piece) ? "" : signs(piece);
    const tag = name.toLowerCase();
    const allowed = Object.hasOwn(TAGS, tag) ? TAGS[tag] : undefined;
    if (allowed === undefined) return "";
    return slash === "/" ? `</${tag}>` : `<${tag}${kept(attributes ?? "", allowed)}>`;
  });
}

function kept(attributes: string, allowed: readonly string[]): string {
  return [...attributes.matchAll(ATTRIBUTES)]
    .filter(([, name = ""]) => allowed.includes(name.toLowerCase()))
    .map(([, name = "", double, single, bare]) => ` ${name.toLowerCase()}="${signs(double ?? single ?? bare ?? "")}"`)
    .join("");
}

/** Writes the signs that begin something in HTML as references; references that are there already stay. */
function signs(text: string): string {
  return text.replace(/[<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
