/** Turns files that a person picks, pastes or drops into parts of a message. */

import type { UserPart } from "@browserllm/react";
import { formatBytes, formatCount } from "../format.ts";
import type { Strings } from "../strings/index.ts";
import { decodeText } from "../text_file.ts";
import { fittingImage, NoRoomError } from "./images.ts";

export type Attachment = Extract<UserPart, { readonly type: "file" }> & {
  readonly filename: string;
  readonly sizeBytes: number;
  /** How large the image was before it was scaled down. */
  readonly scaledFrom?: number;
};

export const MOST_FILES = 10;
/** Python takes no message over 4 MiB (src/browserllm/app/messages.py), and a data URL needs four bytes for three. */
const MOST_ATTACHED_BYTES = 3_000_000;
const MOST_TEXT_BYTES = 1_000_000;
/** A longer text that is pasted becomes a file. */
export const LONG_PASTE = 4000;
/** Longer messages are refused: no model of a browser reads them. */
export const LONGEST_MESSAGE = 200_000;

/** What the dialog for choosing files offers first. */
export const ACCEPT = ["image/*", "text/*", ".md", ".csv", ".json", ".py", ".ts", ".js", ".log", ".yaml", ".toml", ".xml", ".html", ".sql"].join(",");

export interface Read {
  readonly files: readonly Attachment[];
  readonly problems: readonly string[];
}

/**
 * Reads files, to be attached beside those that are attached already. Images are scaled down to what a model takes and to
 * what there is room for. Each file that cannot be attached is a problem, a sentence that says why and what to do; the
 * others are read.
 */
export async function readFiles(given: readonly File[], attached: readonly Attachment[], strings: Strings["chat"], language: string): Promise<Read> {
  const files: Attachment[] = [];
  const problems: string[] = [];
  const count = MOST_FILES - attached.length;
  if (given.length > count) problems.push(strings.tooMany(formatCount(MOST_FILES, language)));
  const taken = given.slice(0, Math.max(0, count));
  let images = taken.filter(isImage).length;
  for (const file of taken) {
    const room = MOST_ATTACHED_BYTES - sum([...attached, ...files]);
    try {
      // The images that are left share the room.
      const read = isImage(file) ? await readImage(file, room / images--) : await readText(file, Math.min(room, MOST_TEXT_BYTES));
      if (read) files.push(read);
      else problems.push(strings.notAnImage(file.name));
    } catch (error) {
      problems.push(problemOf(error, file, room, strings, language));
    }
  }
  return { files, problems };
}

class TooLargeError extends Error {}

function problemOf(error: unknown, file: File, room: number, strings: Strings["chat"], language: string): string {
  const size = formatBytes(file.size, language);
  if (error instanceof TooLargeError && file.size > MOST_TEXT_BYTES) return strings.tooLarge(file.name, size, formatBytes(MOST_TEXT_BYTES, language));
  if (error instanceof TooLargeError || error instanceof NoRoomError) return strings.noRoom(file.name, size, formatBytes(Math.max(0, room), language));
  // What is called an image and cannot be decoded.
  if (error instanceof DOMException && error.name === "InvalidStateError") return strings.notDecoded(file.name);
  return strings.unreadable(file.name);
}

/** SVG is text, and no model sees it as an image. */
function isImage(file: File): boolean {
  return (file.type.startsWith("image/") && !file.type.startsWith("image/svg")) || /\.(heic|heif|avif)$/i.test(file.name);
}

function sum(attached: readonly Attachment[]): number {
  return attached.reduce((bytes, file) => bytes + file.sizeBytes, 0);
}

/** Returns a pasted text as a file. */
export function textAsFile(text: string, filename: string): Attachment {
  return { type: "file", mediaType: "text/plain", filename, text, sizeBytes: new TextEncoder().encode(text).length };
}

async function readImage(file: File, most: number): Promise<Attachment> {
  const image = await fittingImage(file, most);
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      resolve(reader.result as string);
    };
    reader.onerror = () => {
      reject(reader.error ?? new Error("not readable"));
    };
    reader.readAsDataURL(image);
  });
  const whole: Attachment = { type: "file", mediaType: image.type, filename: file.name, url, sizeBytes: image.size };
  return image === file ? whole : { ...whole, scaledFrom: file.size };
}

/** Returns `null` for a file that is no text, whatever it is called. */
async function readText(file: File, most: number): Promise<Attachment | null> {
  if (file.size > most) throw new TooLargeError();
  const text = decodeText(new Uint8Array(await file.arrayBuffer()));
  if (text === null) return null;
  return { type: "file", mediaType: file.type.startsWith("text/") ? file.type : "text/plain", filename: file.name, text, sizeBytes: file.size };
}
