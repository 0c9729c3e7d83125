/** The words of the widget in other languages: a file each, fetched when a page of that language first shows a widget. */

import type { ErrorInfo } from "@browserllm/react/state";
import { TEXTS, type WidgetTexts } from "./texts.ts";

export interface WidgetLanguage {
  readonly texts: WidgetTexts;
  /** Says an error of Python in this language; `null`: as Python says it. */
  readonly translate: ((error: ErrorInfo) => ErrorInfo) | null;
  /** How it is written; `null`: as the page around it. */
  readonly direction: "ltr" | "rtl" | null;
}

const ENGLISH: WidgetLanguage = { texts: TEXTS, translate: null, direction: null };
const OTHERS = ["de", "ar"];

type Loader = (code: string) => Promise<WidgetLanguage>;

/** The folder of this very file. */
const HERE = new URL("./", import.meta.url).href;

const fromSite: Loader = (code) => {
  const address = `${HERE}widget-${code}.js`;
  return import(/* @vite-ignore */ address) as Promise<WidgetLanguage>;
};

interface Known {
  words: WidgetLanguage;
  readonly waiting: Set<() => void>;
}

export class WidgetLanguages {
  readonly #load: Loader;
  readonly #all = new Map<string, Known>();

  constructor(load: Loader = fromSite) {
    this.#load = load;
  }

  /** The words for a BCP 47 tag, as far as they are there: English until then. `onLoaded` is called once they are. */
  get(tag: string, onLoaded: () => void): WidgetLanguage {
    const code = tag.toLowerCase().split("-")[0] ?? "";
    if (!OTHERS.includes(code)) return ENGLISH;
    const known = this.#all.get(code) ?? this.#begin(code);
    if (known.words === ENGLISH) known.waiting.add(onLoaded);
    return known.words;
  }

  #begin(code: string): Known {
    const known: Known = { words: ENGLISH, waiting: new Set() };
    this.#all.set(code, known);
    this.#load(code).then(
      (words) => {
        known.words = words;
        for (const each of known.waiting) each();
        known.waiting.clear();
      },
      () => undefined, // no network, or a site of another release: English it stays
    );
    return known;
  }
}

let languages = new WidgetLanguages();

export const widgetLanguages = (): WidgetLanguages => languages;

/** Tests have files of their own. */
export function setWidgetLanguages(other: WidgetLanguages): void {
  languages = other;
}
