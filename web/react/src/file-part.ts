/** Files of other libraries' messages: images stay addresses, anything that is text becomes text. */

import type { FilePartInput } from "./actions.ts";

export function filePart(url: string, mediaType: string, filename?: string): FilePartInput {
  const file = { type: "file", mediaType, filename } as const;
  const text = mediaType.startsWith("image/") ? null : textOf(url);
  return text === null ? { ...file, url } : { ...file, text };
}

/** The text of a data URL; `null` if it is another address, or not text. */
function textOf(url: string): string | null {
  const match = /^data:[^,]*?(;base64)?,(.*)$/s.exec(url);
  if (!match) return null;
  const [, base64, data = ""] = match;
  try {
    if (base64 === undefined) return decodeURIComponent(data);
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
  } catch {
    return null;
  }
}
