/** The images of a chat: fetched from their addresses, within limits, and decoded once as a check. */

import { cancelled, describe, invalid, PageError } from "./errors.ts";
import type { ImagePart, Message, TextMessage, TextPart } from "./options.ts";

export const MAX_IMAGE_BYTES = 16 * 1024 * 1024;
export const MAX_IMAGE_PIXELS = 64 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 30_000;
const MEDIA_TYPES: readonly string[] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/** An image with its bytes. */
export interface SeenImage extends ImagePart {
  readonly bytes: Blob;
}

export interface SeenMessage {
  readonly role: Message["role"];
  readonly content: string | readonly (TextPart | SeenImage)[];
}

export function hasImages(messages: readonly Message[]): boolean {
  return messages.some(({ content }) => typeof content !== "string" && content.some(({ type }) => type === "image"));
}

/** The messages as text, for a model that takes nothing else; an image is refused with its place. */
export function textOnly(messages: readonly Message[], model: string): readonly TextMessage[] {
  return messages.map(({ role, content }, index) => {
    if (typeof content === "string") return { role, content };
    const position = content.findIndex(({ type }) => type === "image");
    if (position >= 0) {
      const parameter = `messages[${index}].content[${position}]`;
      throw new PageError("unsupported", `"${model}" takes text only, and '${parameter}' is an image`, { model, parameter });
    }
    return { role, content: textOf(content) };
  });
}

/** The texts among the parts, joined. */
export function textOf(parts: readonly (TextPart | ImagePart)[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Get every image's bytes, each address once; rejects for one that cannot be used, with its place. */
export async function seeImages(messages: readonly Message[], signal: AbortSignal): Promise<readonly SeenMessage[]> {
  const asked = new Map<string, Promise<Blob>>();
  const see = async (part: TextPart | ImagePart, where: string): Promise<TextPart | SeenImage> => {
    if (part.type === "text") return part;
    let bytes = asked.get(part.url);
    if (bytes === undefined) {
      bytes = readImage(part.url, where, signal);
      asked.set(part.url, bytes);
    }
    return { ...part, bytes: await bytes };
  };
  return Promise.all(
    messages.map(async ({ role, content }, index) => {
      if (typeof content === "string") return { role, content };
      const parts = content.map((part, position) => see(part, `messages[${index}].content[${position}]`));
      return { role, content: await Promise.all(parts) };
    }),
  );
}

async function readImage(url: string, where: string, signal: AbortSignal): Promise<Blob> {
  const bytes = url.startsWith("data:") ? decodeDataUrl(url, where) : await fetchImage(url, where, signal);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(bytes);
  } catch (error) {
    const what = `${bytes.size} bytes of ${bytes.type}`;
    throw new PageError("invalid_request", `'${where}' is not an image that this browser can read (${what}): ${describe(error).message}`, { parameter: where }, error);
  }
  const { width, height } = bitmap;
  bitmap.close();
  if (width * height > MAX_IMAGE_PIXELS) {
    throw invalid(where, `'${where}' has ${width} x ${height} pixels, over the limit of ${MAX_IMAGE_PIXELS}; make it smaller`);
  }
  return bytes;
}

function decodeDataUrl(url: string, where: string): Blob {
  const comma = url.indexOf(",");
  const type = /^data:([^;,]*)/.exec(url)?.[1] ?? "";
  let binary: string;
  try {
    binary = atob(url.slice(comma + 1));
  } catch {
    throw invalid(where, `'${where}' is not base64 after its comma`);
  }
  checkSize(binary.length, where);
  return new Blob([Uint8Array.from(binary, (char) => char.charCodeAt(0))], { type });
}

async function fetchImage(url: string, where: string, signal: AbortSignal): Promise<Blob> {
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  try {
    const any = AbortSignal.any([signal, timeout]);
    // No cookies are sent, and the image's server need not know this page.
    const response = await fetch(url, { mode: "cors", credentials: "omit", referrerPolicy: "no-referrer", signal: any });
    if (!response.ok) throw missing(url, where, `its server answered ${response.status}`, { status: response.status });
    const type = (response.headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    if (!MEDIA_TYPES.includes(type)) {
      throw invalid(where, `'${where}' (${url}) has ${type === "" ? "no media type" : `the type ${type}`}; use one of ${MEDIA_TYPES.join(", ")}`);
    }
    return new Blob([await readBody(response, where)], { type });
  } catch (error) {
    if (signal.aborted) throw cancelled("fetching an image");
    if (timeout.aborted) {
      throw new PageError("timeout", `'${where}' did not arrive within ${FETCH_TIMEOUT_MS / 1000} s: ${url}`, { parameter: where, url }, error);
    }
    if (error instanceof PageError) throw error;
    throw missing(url, where, "no answer from its server (offline, blocked, or not shared with this site)", {}, error);
  }
}

async function readBody(response: Response, where: string): Promise<Blob> {
  checkSize(Number(response.headers.get("Content-Length") ?? 0), where);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return new Blob(pieces);
    size += value.length;
    if (size > MAX_IMAGE_BYTES) await reader?.cancel();
    checkSize(size, where);
    pieces.push(value);
  }
}

function checkSize(bytes: number, where: string): void {
  if (bytes > MAX_IMAGE_BYTES) throw invalid(where, `'${where}' has ${bytes} bytes or more, over the limit of ${MAX_IMAGE_BYTES}; make it smaller`);
}

function missing(url: string, where: string, why: string, data: Readonly<Record<string, unknown>>, cause?: unknown): PageError {
  return new PageError("download_interrupted", `'${where}' could not be fetched: ${why}: ${url}`, { parameter: where, url, ...data }, cause);
}

/** An image as a `data:` URL, for a library that wants one. */
export async function toDataUrl({ url, bytes }: SeenImage): Promise<string> {
  if (url.startsWith("data:")) return url;
  const codes = new Uint8Array(await bytes.arrayBuffer());
  let binary = "";
  for (let from = 0; from < codes.length; from += CHUNK) binary += String.fromCharCode(...codes.subarray(from, from + CHUNK));
  return `data:${bytes.type};base64,${btoa(binary)}`;
}

/** A number of arguments that every browser accepts in a call. */
const CHUNK = 0x8000;
