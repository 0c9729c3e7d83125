/** What Python says in English, in the language of the page: by its code, and with what its data name. */

import type { ErrorInfo, Notice } from "@browserllm/react";

type Data = ErrorInfo["data"];

interface Words {
  readonly title: string;
  /** Left out: what Python says is shown, in English, since it names what happened. */
  readonly message?: (data: Data) => string | null;
  readonly remedy?: string;
}

/** Every code that Python sends has its words in each language (tests/wire/app/test_translations.py). */
export interface PythonWords {
  /** For codes of errors; `internal` stands for those of other releases. */
  readonly errors: Readonly<Record<string, Words>> & { readonly internal: Words };
  /** For some reasons why something is not available. */
  readonly reasons: Readonly<Record<string, Words>>;
  /** Why the page has no WebGPU, with the browser's name. */
  readonly device: Readonly<Record<string, { readonly title: string; readonly message: (browser: string | null) => string }>>;
  readonly stillOnCpu: string;
  readonly tooOldForCpu: string;
  /** What to do about that, with the version that is needed. */
  readonly how: Readonly<Record<string, (version: string) => string>>;
  /** Why a backend would answer, by what Python says in English. What is not here has numbers or names in it, and stays English. */
  readonly routes: Readonly<Record<string, string>>;
  readonly notices: Readonly<Record<Exclude<Notice["code"], "">, (data: Data) => string>>;
}

/** Returns an error in the words of a language; `null`: as Python says it. `inEnglish`: its message is still Python's. */
export function errorIn(error: ErrorInfo, words: PythonWords | null): ErrorInfo & { readonly inEnglish: boolean } {
  // The page's own errors have their words already.
  if (words === null || error.data["translated"] === true) return { ...error, inEnglish: words === null };
  const { data } = error;
  const reason = String(data["reason"]);
  const device = words.device[reason];
  if (device !== undefined && Array.isArray(data["how"])) {
    const cpu = data["cpu"] === true ? [words.stillOnCpu] : data["cpu"] === false ? [words.tooOldForCpu] : [];
    const how = data["how"].flatMap((key) => words.how[String(key)]?.(String(data["version"])) ?? []);
    const message = [device.message(textOf(data["browser"])), ...cpu].join(" ");
    return { ...error, title: device.title, message, remedy: how.length > 0 ? how.join(" ") : error.remedy, inEnglish: false };
  }
  const byReason = error.code === "unavailable" || error.code === "download_interrupted" ? words.reasons[reason] : undefined;
  const found = byReason ?? words.errors[error.code];
  if (found === undefined) return { ...error, inEnglish: false };
  const message = found.message?.(data) ?? null;
  return { ...error, title: found.title, message: message ?? error.message, remedy: found.remedy ?? null, inEnglish: message === null };
}

/** Returns the text of a notice in a language. */
export function noticeIn({ code, data, text }: Notice, words: PythonWords | null): string {
  return words === null || code === "" ? text : words.notices[code](data);
}

/** Returns a value of an error's data as a text; `null` if it is none. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Returns the names in a value of a notice's data, with commas as a language writes them. */
export function listed(value: unknown, language: string): string {
  return new Intl.ListFormat(language, { type: "unit" }).format(Array.isArray(value) ? value.map(String) : []);
}
