/** Reads the file's facts from response headers. Cross-origin, a server may hide all but the length and the date. */

import type { Source } from "./partial.ts";

export function sourceOf({ headers }: Response): Source {
  const encoded = isEncoded(headers);
  return {
    etag: headers.get("ETag"),
    last_modified: headers.get("Last-Modified"),
    content_type: headers.get("Content-Type"),
    total_bytes: encoded ? null : contentLength(headers),
    encoded,
  };
}

export function isEncoded(headers: Headers): boolean {
  const encoding = headers.get("Content-Encoding");
  return encoding !== null && encoding !== "" && encoding.toLowerCase() !== "identity";
}

export function contentLength(headers: Headers): number | null {
  const text = headers.get("Content-Length");
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

export interface ContentRange {
  /** null in an answer without bytes (416). */
  readonly start: number | null;
  readonly total_bytes: number | null;
}

/** `bytes 10-99/100`, `bytes 10-99/*` or `bytes *\/100`; null when it is missing or not valid. */
export function contentRange(headers: Headers): ContentRange | null {
  const parts = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get("Content-Range") ?? "");
  if (parts === null) return null;
  const number = (text: string | undefined): number | null => (text === undefined || text === "*" ? null : Number(text));
  return { start: number(parts[1]), total_bytes: number(parts[2]) };
}

/** The value for `If-Range`: an ETag that guarantees the same bytes, or else a date. */
export function validatorOf({ etag, last_modified }: Source): string | null {
  return isStrong(etag) ? etag : last_modified;
}

/** Whether two responses have different versions of the file. */
export function differ(a: Source, b: Source): boolean {
  // Mirrors of a file may have different dates; an equal strong ETag is better evidence.
  if (isStrong(a.etag) && isStrong(b.etag)) return a.etag !== b.etag;
  if (a.etag !== null && b.etag !== null && a.etag !== b.etag) return true;
  return a.last_modified !== null && b.last_modified !== null && a.last_modified !== b.last_modified;
}

function isStrong(etag: string | null): etag is string {
  return etag !== null && !etag.startsWith("W/");
}
