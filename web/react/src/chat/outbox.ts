/** Messages on their way to the app: shown from the moment they are sent, and sent in order. */

import type { UserPart } from "../actions.ts";
import { deferred } from "../deferred.ts";
import { cancelled } from "../errors.ts";
import { newId } from "../ids.ts";
import type { FilePart, TextPart, Thread } from "../state.ts";

export interface Unsent {
  readonly id: string;
  readonly createdAt: number;
  readonly parts: readonly (TextPart | FilePart)[];
}

/** A message on its way. */
export interface Send {
  /** Show these parts: files that have been read. */
  readonly show: (parts: readonly UserPart[]) => void;
  /** Run `work` after the messages before this one have been sent. */
  readonly inTurn: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** The app has it, with this id, or it failed. */
  readonly done: (id: string | undefined) => void;
}

interface Entry {
  unsent: Unsent;
  readonly known: Set<string>;
  readonly abort: AbortController;
}

export class Outbox {
  #entries: Entry[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  get isBusy(): boolean {
    return this.#entries.length > 0;
  }

  /** Add a message to a conversation as it is now. */
  add(parts: readonly UserPart[], thread: Thread | null): Send {
    const entry: Entry = {
      unsent: { id: newId(), createdAt: Date.now(), parts: parts.map(whole) },
      known: new Set(Object.keys(thread?.messages ?? {})),
      abort: new AbortController(),
    };
    const before = this.#turn;
    const { promise: sent, resolve: release } = deferred<undefined>();
    this.#turn = sent;
    this.#entries.push(entry);
    return {
      show: (read) => { entry.unsent = { ...entry.unsent, parts: read.map(whole) }; },
      inTurn: async (work) => {
        await before;
        if (entry.abort.signal.aborted) throw cancelled();
        return work(entry.abort.signal);
      },
      done: (id) => {
        this.#entries = this.#entries.filter((other) => other !== entry);
        if (id !== undefined) for (const { known } of this.#entries) known.add(id);
        release(undefined);
      },
    };
  }

  /** Those that are not among the conversation's messages yet. Messages arrive in the order in which they are sent. */
  unseen(thread: Thread | null): Unsent[] {
    if (this.#entries.length === 0) return [];
    const arrived = new Set(Object.values(thread?.messages ?? {}).flatMap(({ id, role }) => (role === "user" ? [id] : [])));
    return this.#entries.flatMap((entry) => {
      const own = [...arrived].find((id) => !entry.known.has(id));
      if (own === undefined) return [entry.unsent];
      arrived.delete(own);
      return [];
    });
  }

  /** Give up those that have not been sent, and return them. */
  abort(): Unsent[] {
    const given = this.#entries.map(({ unsent }) => unsent);
    for (const entry of this.#entries) entry.abort.abort(cancelled());
    return given;
  }
}

function whole(part: UserPart): TextPart | FilePart {
  if (part.type === "text") return { state: "done", ...part } as TextPart;
  return { filename: null, url: null, text: null, sizeBytes: null, ...part } as FilePart;
}
