/** Reads a response body piece by piece, into one reused buffer if the browser supports that. */

/** The maximum size of a piece. Without our own buffer, Chromium allocates 2 MiB for each piece. */
const PIECE_BYTES = 1024 * 1024;

export interface BodyReader {
  /** The next piece. */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  /** Let later reads overwrite a piece, if there is one: its buffer is reused. */
  giveBack(piece: Uint8Array | null): void;
}

export function readBody(body: ReadableStream<Uint8Array>): BodyReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    const plain = body.getReader(); // not a byte stream, as in Safari
    return { read: () => plain.read(), giveBack: () => undefined };
  }
  let room: ArrayBufferLike | null = null;
  return {
    read: () => {
      const into = new Uint8Array((room ?? new ArrayBuffer(PIECE_BYTES)) as ArrayBuffer);
      room = null;
      return reader.read(into);
    },
    giveBack: (piece) => { room = piece?.buffer ?? room; },
  };
}
