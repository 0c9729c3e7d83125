/** The engine worker's side of the disk worker: ends it when the browser does not return from a call, and starts the next one. */

import type { Clock } from "../clock.ts";
import { PageError } from "../errors.ts";
import type { DiskAnswer, DiskOrder, DiskRequest } from "./disk-messages.ts";

/** A file that is open, in the disk worker, for this tab alone. */
export interface OpenFile {
  /** Its size when it was opened. */
  readonly size: number;
  /** Read up to `length` bytes from `at` on; fewer at the file's end. */
  read(at: number, length: number): Promise<Uint8Array>;
  /** Write all of `bytes`. Their buffer moves to the disk worker; the returned array has it again. */
  write(bytes: Uint8Array, at: number): Promise<Uint8Array>;
  truncate(size: number): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * How often a silent worker is looked at, and how many looks in a row find it silent before it is ended: later than it gives up
 * an opening itself. Several short waits, because a computer that slept, or an engine that computed for seconds, is late for
 * answers and timers alike.
 */
const LOOK_MS = 4_000;
const LOOKS = 5;

/** A disk worker that was started. */
export interface DiskPort {
  post(request: DiskRequest, transfer: readonly Transferable[]): void;
  /** End it, even in the middle of a call. */
  end(): void;
}

/** Start a disk worker; `failed` is called if its program cannot run. */
export type StartDisk = (answered: (answer: DiskAnswer) => void, failed: (reason: string) => void) => DiskPort;

interface Waiting {
  readonly resolve: (answer: DiskAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One disk worker, from its start to its end. */
class Disk {
  readonly files = new Map<number, string>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #port: DiskPort;
  readonly #clock: Clock;
  readonly #ended: (stuck: readonly string[]) => void;
  #failure: Error | null = null;
  #asked = 0;
  #stopTimer: () => void = () => undefined;

  constructor(start: StartDisk, clock: Clock, ended: (stuck: readonly string[]) => void) {
    this.#clock = clock;
    this.#ended = ended;
    this.#port = start((answer) => { this.#take(answer); }, (reason) => {
      this.#end(new PageError("internal", `the disk worker failed: ${reason}`), []);
    });
  }

  ask(order: DiskOrder, transfer: readonly Transferable[] = []): Promise<DiskAnswer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = this.#asked++;
      if (this.#waiting.size === 0) this.#watch();
      this.#waiting.set(id, { resolve, reject });
      this.#port.post({ ...order, id }, transfer);
    });
  }

  #take(answer: DiskAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    this.#stopTimer();
    if (this.#waiting.size > 0) this.#watch();
    if (answer.error === undefined) waiting.resolve(answer);
    else waiting.reject(errorOf(answer.error));
  }

  /** Calls are carried out one after another, so any answer shows that the worker is not blocked. */
  #watch(silent = 0): void {
    this.#stopTimer = this.#clock.after(LOOK_MS, () => {
      if (silent + 1 < LOOKS) {
        this.#watch(silent + 1);
        return;
      }
      const message = `the disk is full: the browser has not returned from it for ${(LOOK_MS * LOOKS) / 1000} s`;
      this.#end(new DOMException(message, "QuotaExceededError"), [...this.files.values()]);
    });
  }

  #end(failure: Error, stuck: readonly string[]): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    this.#stopTimer();
    this.#port.end();
    this.#ended(stuck);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(failure);
  }
}

export class DiskLink {
  /** The files that ended workers had open. Their locks last until the page is closed, because their threads do. */
  readonly stuck = new Set<string>();
  readonly #clock: Clock;
  readonly #start: StartDisk;
  #disk: Disk | null = null;
  #opened = 0;

  constructor(clock: Clock, start: StartDisk = startWorker) {
    this.#clock = clock;
    this.#start = start;
  }

  async open(name: string): Promise<OpenFile> {
    const disk = (this.#disk ??= this.#newDisk());
    const file = this.#opened++;
    disk.files.set(file, name);
    let size: number | undefined;
    try {
      ({ size } = await disk.ask({ op: "open", file, name }));
    } catch (error) {
      disk.files.delete(file);
      throw error;
    }
    return {
      size: size ?? 0,
      read: async (at, length) => (await disk.ask({ op: "read", file, at, length })).bytes ?? new Uint8Array(),
      write: async (bytes, at) => {
        const owned = bytes as Uint8Array<ArrayBuffer>; // shared memory cannot move, and no response or encoder has it
        return (await disk.ask({ op: "write", file, at, bytes: owned }, [owned.buffer])).bytes ?? owned;
      },
      truncate: async (size) => { await disk.ask({ op: "truncate", file, size }); },
      flush: async () => { await disk.ask({ op: "flush", file }); },
      close: async () => {
        await disk.ask({ op: "close", file });
        disk.files.delete(file);
      },
    };
  }

  #newDisk(): Disk {
    const disk: Disk = new Disk(this.#start, this.#clock, (stuck) => {
      for (const name of stuck) this.stuck.add(name);
      if (this.#disk === disk) this.#disk = null;
    });
    return disk;
  }
}

function errorOf(error: NonNullable<DiskAnswer["error"]>): Error {
  return "code" in error ? new PageError(error.code, error.message, error.data) : new DOMException(error.message, error.name);
}

function startWorker(answered: (answer: DiskAnswer) => void, failed: (reason: string) => void): DiskPort {
  const worker = new Worker(new URL("./disk-worker.ts", import.meta.url), { type: "module", name: "browserllm-disk" });
  worker.addEventListener("message", ({ data }: MessageEvent<DiskAnswer>) => { answered(data); });
  // An error event without a message: the script could not be fetched or parsed.
  worker.addEventListener("error", (event) => { failed(event.message || "its program could not be loaded"); });
  return {
    post: (request, transfer) => { worker.postMessage(request, [...transfer]); },
    end: () => { worker.terminate(); },
  };
}
