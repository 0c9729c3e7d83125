/** What a user sends: texts and files, as parts of a message. */

import type { UserPart } from "../actions.ts";
import { BrowserLLMError } from "../errors.ts";

/** A file that is a part already: an image as a data URL, or a text file as its text. */
export interface GivenFilePart {
  readonly type: "file";
  readonly mediaType: string;
  readonly filename?: string | null | undefined;
  readonly url?: string | null | undefined;
  readonly text?: string | null | undefined;
}

/** A message of the user: its text and files, or its parts. */
export type UserInput =
  | string
  | { readonly text?: string | undefined; readonly files?: FileList | readonly (File | GivenFilePart)[] | undefined; readonly parts?: never }
  | { readonly parts: readonly UserPart[]; readonly text?: never; readonly files?: never };

/** Return the parts of a message; throws a `BrowserLLMError` for a file that no model can read. */
export async function userParts(input: UserInput): Promise<UserPart[]> {
  if (typeof input === "string") return textParts(input);
  if (input.parts) return [...input.parts];
  const files = await Promise.all(Array.from(input.files ?? [], toFilePart));
  return [...files, ...textParts(input.text ?? "")];
}

function textParts(text: string): UserPart[] {
  return text === "" ? [] : [{ type: "text", text }];
}

/** What can be shown before files are read. */
export function textOf(input: UserInput): UserPart[] {
  if (typeof input === "string") return textParts(input);
  return input.parts ? [...input.parts] : textParts(input.text ?? "");
}

const TEXT_TYPES = /^(text\/|application\/(json|xml|javascript|x-sh|x-yaml|yaml|toml|sql|x-ndjson|ld\+json)|.*\+(json|xml)$)/;

/** Read a file as a part of a message: images as data URLs, anything that is text as text. */
export async function toFilePart(file: File | GivenFilePart): Promise<UserPart> {
  if (!(file instanceof File)) return file;
  const part = { type: "file", filename: file.name, sizeBytes: file.size } as const;
  if (file.type.startsWith("image/")) return { ...part, mediaType: file.type, url: await dataUrl(file) };
  const text = file.type === "" || TEXT_TYPES.test(file.type) ? await textIn(file) : null;
  if (text !== null) return { ...part, mediaType: file.type || "text/plain", text };
  throw new BrowserLLMError({
    code: "unsupported",
    title: "This kind of file cannot be read",
    message: `'${file.name}' is neither an image nor text (its type is ${file.type ? `'${file.type}'` : "not known"})`,
    remedy: "Attach an image or a text file, or paste the text.",
    actions: [],
    data: { filename: file.name, mediaType: file.type },
  });
}

async function textIn(file: File): Promise<string | null> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

async function dataUrl(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let start = 0; start < bytes.length; start += 0x8000) binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return `data:${file.type};base64,${btoa(binary)}`;
}
