/** Text files as systems write them: UTF-8, or what Windows calls Unicode. */

/** Returns the text of a file, without its byte order mark; `null` if it is no text. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

function encodingOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  // Without a mark: where a text begins with ASCII characters, as JSON does, every second byte is zero.
  const start = bytes.subarray(0, 8);
  if (start.length < 8) return "utf-8";
  if (start.every((byte, at) => (byte === 0) === (at % 2 === 1))) return "utf-16le";
  if (start.every((byte, at) => (byte === 0) === (at % 2 === 0))) return "utf-16be";
  return "utf-8";
}
