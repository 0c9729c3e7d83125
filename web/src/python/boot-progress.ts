/** How much of Python has arrived while it is fetched. The sizes of the parts are known since the site was built. */

/** Only so many reports: each one draws the page. */
const STEPS = 200;

export class BootProgress {
  readonly #tell: (receivedBytes: number, totalBytes: number) => void;
  readonly #received = new Map<string, number>();
  #sizes: ReadonlyMap<string, number> = new Map();
  #total = 0;
  #told = -Infinity;

  constructor(tell: (receivedBytes: number, totalBytes: number) => void) {
    this.#tell = tell;
  }

  /** Say what will arrive: the name of each file, and its size in bytes. Before this nothing is reported. */
  expect(sizes: ReadonlyMap<string, number>): void {
    this.#sizes = sizes;
    this.#total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    this.#report();
  }

  /** Count a file's bytes as they pass. */
  through(name: string, body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    return body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform: (chunk, controller) => {
          this.#received.set(name, (this.#received.get(name) ?? 0) + chunk.byteLength);
          this.#report();
          controller.enqueue(chunk);
        },
      }),
    );
  }

  /** Count a file that has arrived, however it was fetched. */
  arrived(name: string): void {
    this.#received.set(name, Infinity);
    this.#report();
  }

  #report(): void {
    if (this.#total === 0) return;
    let received = 0;
    for (const [name, size] of this.#sizes) received += Math.min(size, this.#received.get(name) ?? 0);
    // Between two parts of a file nothing can be seen to move; the end is always told.
    if (received - this.#told < this.#total / STEPS && (received < this.#total || this.#told === received)) return;
    this.#told = received;
    this.#tell(received, this.#total);
  }
}

/** The name of a file, of its address. */
export function fileOf(address: string): string {
  return new URL(address).pathname.split("/").at(-1) ?? "";
}
