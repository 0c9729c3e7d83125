/** Reads a response body piece by piece, into one reused buffer if the browser supports that. */

/** The maximum size of a piece. Without our own buffer, Chromium allocates 2 MiB for each piece. */
const PIECE_BYTES = 1024 * 1024;

export interface BodyReader {
  /** The next piece: it may be overwritten by the read after it. */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

export function readBody(body: ReadableStream<Uint8Array>): BodyReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return body.getReader(); // not a byte stream, as in Safari
  }
  let room = new ArrayBuffer(PIECE_BYTES);
  return {
    read: async () => {
      const result = await reader.read(new Uint8Array(room));
      if (!result.done) room = result.value.buffer;
      return result;
    },
  };
}
