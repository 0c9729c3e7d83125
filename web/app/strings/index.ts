/**
 * The texts of the app, one folder a language. English is part of the app; another language is loaded when it is chosen.
 *
 * A view adds a file of its own to each language (`en/models.ts`, `de/models.ts`) and a line to each `index.ts`.
 */

import type { ErrorInfo, Settings } from "@browserllm/react";
import { createContext, useCallback, useContext, useEffect, useState } from "react";
import { en } from "./en/index.ts";
import { errorIn } from "./python.ts";

export type Strings = typeof en;

/** A language that Python accepts as a setting (src/browserllm/app/state.py): each has its texts here. */
export type LanguageCode = Exclude<Settings["language"], "auto">;

/** The languages that the app speaks, in their own words. */
export const LANGUAGES: readonly (readonly [code: LanguageCode, name: string])[] = [
  ["en", "English"],
  ["de", "Deutsch"],
  ["ar", "العربية"],
];

const LOADERS: Readonly<Record<LanguageCode, () => Promise<Strings>>> = {
  en: () => Promise.resolve(en),
  de: async () => (await import("./de/index.ts")).de,
  ar: async () => (await import("./ar/index.ts")).ar,
};

export interface Language {
  /** Its code, as `lang` and `Intl` take it. */
  readonly code: LanguageCode;
  readonly strings: Strings;
}

/** The languages that are written from right to left. */
const RIGHT_TO_LEFT: readonly LanguageCode[] = ["ar"];

/** Returns the direction in which a language is written. */
export function directionOf(code: LanguageCode): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.includes(code) ? "rtl" : "ltr";
}

export const ENGLISH: Language = { code: "en", strings: en };

export const LanguageContext = createContext<Language>(ENGLISH);

function isKnown(code: string): code is LanguageCode {
  return Object.hasOwn(LOADERS, code);
}

/** Returns the texts in the chosen language. */
export function useStrings(): Strings {
  return useContext(LanguageContext).strings;
}

/** Returns the function that says an error of Python in the chosen language. */
export function useErrorIn(): (error: ErrorInfo) => ReturnType<typeof errorIn> {
  const words = useStrings().python;
  return useCallback((error) => errorIn(error, words), [words]);
}

/** Returns the code of the chosen language, for `Intl`. */
export function useLanguageCode(): LanguageCode {
  return useContext(LanguageContext).code;
}

/** Returns which language to speak: the chosen one or, for `auto`, the first of the browser's that the app knows. */
export function languageFor(setting: string, preferred: readonly string[] = navigator.languages): LanguageCode {
  const wanted = setting === "auto" ? preferred : [setting];
  return wanted.map((code) => code.toLowerCase().split("-", 1)[0] ?? "").find(isKnown) ?? "en";
}

/** Loads the language of `settings.language`; until it is there the texts stay as they are. */
export function useLanguage(setting: string): Language {
  const code = languageFor(setting);
  const [language, setLanguage] = useState(ENGLISH);
  useEffect(() => {
    let wanted = true;
    void LOADERS[code]().then((strings) => {
      if (wanted) setLanguage({ code, strings });
    });
    return () => {
      wanted = false;
    };
  }, [code]);
  return language;
}
