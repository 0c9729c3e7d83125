/** Turns files that a person picks, pastes or drops into parts of a message. */

import type { UserPart } from "@browserllm/react";
import { formatBytes, formatCount } from "../format.ts";
import type { Strings } from "../strings/index.ts";
import { decodeText } from "../text_file.ts";

export type Attachment = Extract<UserPart, { readonly type: "file" }> & { readonly filename: string; readonly sizeBytes: number };

export const MOST_FILES = 10;
/** Python takes no message over 4 MiB (src/browserllm/app/messages.py), and a data URL needs four bytes for three. */
export const MOST_IMAGE_BYTES = 3_000_000;
export const MOST_TEXT_BYTES = 1_000_000;
/** A longer text that is pasted becomes a file. */
export const LONG_PASTE = 4000;
/** Longer messages are refused: no model of a browser reads them. */
export const LONGEST_MESSAGE = 200_000;

const IMAGES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
/** What the dialog for choosing files offers first. */
export const ACCEPT = [...IMAGES, "text/*", ".md", ".csv", ".json", ".py", ".ts", ".js", ".log", ".yaml", ".toml", ".xml", ".html", ".sql"].join(",");

export interface Read {
  readonly files: readonly Attachment[];
  readonly problems: readonly string[];
}

/** Reads files. Each that cannot be attached is a problem, a sentence that says why and what to do; the others are read. */
export async function readFiles(given: readonly File[], room: number, strings: Strings["chat"], language: string): Promise<Read> {
  const files: Attachment[] = [];
  const problems: string[] = [];
  if (given.length > room) problems.push(strings.tooMany(formatCount(MOST_FILES, language)));
  for (const file of given.slice(0, Math.max(0, room))) {
    const isImage = IMAGES.includes(file.type);
    const most = isImage ? MOST_IMAGE_BYTES : MOST_TEXT_BYTES;
    if (file.size > most) {
      problems.push(strings.tooLarge(file.name, formatBytes(file.size, language), formatBytes(most, language)));
      continue;
    }
    try {
      const read = isImage ? await readImage(file) : await readText(file);
      if (read) files.push(read);
      else problems.push(strings.notAnImage(file.name));
    } catch {
      problems.push(strings.unreadable(file.name));
    }
  }
  return { files, problems };
}

/** Returns a pasted text as a file. */
export function textAsFile(text: string, filename: string): Attachment {
  return { type: "file", mediaType: "text/plain", filename, text, sizeBytes: new TextEncoder().encode(text).length };
}

async function readImage(file: File): Promise<Attachment> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      resolve(reader.result as string);
    };
    reader.onerror = () => {
      reject(reader.error ?? new Error("not readable"));
    };
    reader.readAsDataURL(file);
  });
  return { type: "file", mediaType: file.type, filename: file.name, url, sizeBytes: file.size };
}

/** Returns `null` for a file that is no text, whatever it is called. */
async function readText(file: File): Promise<Attachment | null> {
  const text = decodeText(new Uint8Array(await file.arrayBuffer()));
  if (text === null) return null;
  return { type: "file", mediaType: file.type.startsWith("text/") ? file.type : "text/plain", filename: file.name, text, sizeBytes: file.size };
}
