/**
 * Makes a model's HTML harmless. Nothing in it runs, styles, submits or loads anything.
 *
 * An answer must not phone home: an image from another place is shown as a link that says where it goes, because the
 * address alone could carry away what the model has read.
 */

import createDOMPurify, { type Config, type DOMPurify } from "dompurify";

const TAGS =
  "a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var".split(
    " ",
  );
const ATTRIBUTES = ["href", "src", "alt", "title", "class", "start", "colspan", "rowspan", "align", "lang", "dir", "open", "data-lang", "data-display"];

const LINK = /^(?:https?:\/\/|mailto:)[^\s]/i;
const RASTER_IMAGE = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[a-z0-9+/=\s]+$/i;
const OUR_CLASS = /^md-[a-z-]+$/;

const CONFIG: Config = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ATTRIBUTES,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:|data:image\/)/i,
  // DOMPurify takes every other attribute for an address.
  ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((name) => name !== "href" && name !== "src"),
  ALLOWED_NAMESPACES: ["http://www.w3.org/1999/xhtml"],
  KEEP_CONTENT: true,
  RETURN_DOM_FRAGMENT: true,
};

/** Formulas: what KaTeX writes, with its `style` attributes renamed (see math.ts). */
const MATH_CONFIG: Config = {
  USE_PROFILES: { html: true, mathMl: true, svg: true },
  ADD_TAGS: ["semantics", "annotation"],
  ADD_ATTR: ["data-style", "encoding"],
  ADD_URI_SAFE_ATTR: ["data-style", "encoding"],
  FORBID_ATTR: ["style", "href", "src", "id", "name"],
  FORBID_TAGS: ["a", "img", "style", "form", "input", "button", "textarea", "select", "image", "use", "video", "audio"],
  RETURN_DOM_FRAGMENT: true,
};

/** KaTeX's own classes stay; a model's classes could make a text look like a part of the app. */
let sanitizingMath = false;

let purifier: DOMPurify | null = null;

function purify(): DOMPurify {
  if (purifier) return purifier;
  purifier = createDOMPurify(window);
  purifier.addHook("uponSanitizeAttribute", (element, attribute) => {
    const { attrName: name, attrValue: value } = attribute;
    const tag = element.nodeName.toLowerCase();
    if (name === "href") attribute.keepAttr = tag === "a" && LINK.test(value.trim());
    else if (name === "src") attribute.keepAttr = tag === "img" && (RASTER_IMAGE.test(value) || LINK.test(value.trim()));
    else if (name === "class" && !sanitizingMath) attribute.keepAttr = OUR_CLASS.test(value);
  });
  return purifier;
}

/** Returns a model's HTML as nodes that are safe to show. */
export function sanitizeAnswer(html: string): DocumentFragment {
  const fragment = purify().sanitize(html, CONFIG) as unknown as DocumentFragment;
  for (const image of fragment.querySelectorAll("img")) replaceForeignImage(image);
  for (const link of fragment.querySelectorAll("a")) secureLink(link);
  return fragment;
}

/** Returns KaTeX's HTML as nodes that are safe to show. */
export function sanitizeMath(html: string): DocumentFragment {
  sanitizingMath = true;
  try {
    return purify().sanitize(html, MATH_CONFIG) as unknown as DocumentFragment;
  } finally {
    sanitizingMath = false;
  }
}

function replaceForeignImage(image: HTMLImageElement): void {
  const source = image.getAttribute("src") ?? "";
  if (RASTER_IMAGE.test(source)) {
    image.className = "md-image";
    return;
  }
  const link = document.createElement("a");
  const alt = image.getAttribute("alt") ?? "";
  link.className = "md-image-link";
  link.textContent = [alt, hostOf(source)].filter((text) => text !== "").join(" · ");
  if (LINK.test(source)) link.setAttribute("href", source);
  image.replaceWith(link);
}

function secureLink(link: HTMLAnchorElement): void {
  const address = link.getAttribute("href");
  if (address === null) return;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  // The text may name another place than the one the link goes to.
  link.title = address;
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : "";
}
