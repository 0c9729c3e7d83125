/** The body of an answer, piece by piece, in memory that is used again where the browser can do that. */

/** The most bytes of one piece; a reader without a buffer of its own gets pieces of 2 MiB, each new, from Chromium. */
export const PIECE_BYTES = 1024 * 1024;

export interface BodyReader {
  /** The next piece: it may be overwritten by the read after it. */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

export function readBody(body: ReadableStream<Uint8Array>): BodyReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return body.getReader(); // no stream of bytes: Safari's bodies are not
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
