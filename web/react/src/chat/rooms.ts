/** Which conversations the hooks of a page show: opened when first needed, closed when the last one is gone. */

import type { ConversationSettingsInput } from "../actions.ts";
import type { AppClient } from "../client.ts";
import { cancelled } from "../errors.ts";
import type { AppState } from "../state.ts";

/** What a conversation is created with. */
export interface NewConversation {
  readonly settings: ConversationSettingsInput | undefined;
  readonly keep: boolean;
}

interface Room {
  users: number;
  opening: Promise<boolean> | null;
}

const rooms = new WeakMap<AppClient, Map<string, Room>>();

function roomOf(client: AppClient, id: string): Room {
  const all = rooms.get(client) ?? new Map<string, Room>();
  rooms.set(client, all);
  const room = all.get(id) ?? { users: 0, opening: null };
  all.set(id, room);
  return room;
}

/**
 * Use a conversation until the function that it returns is called. `onLast` is called when no component uses it any more,
 * with the promise of an opening that is under way.
 */
export function enterRoom(client: AppClient, id: string, onLast: (opening: Promise<unknown>) => void): () => void {
  const room = roomOf(client, id);
  room.users += 1;
  return () => {
    room.users -= 1;
    // StrictMode and moves in the tree unmount and mount again in one go.
    queueMicrotask(() => {
      if (room.users > 0 || rooms.get(client)?.get(id) !== room) return;
      rooms.get(client)?.delete(id);
      onLast(room.opening ?? Promise.resolve());
    });
  };
}

/** Whether a component uses a conversation. */
export function isUsed(client: AppClient, id: string): boolean {
  return (rooms.get(client)?.get(id)?.users ?? 0) > 0;
}

/** Open a conversation that exists; with `create`, create it if it does not. Resolves with whether it was created. */
export function openRoom(client: AppClient, id: string, create: NewConversation | null): Promise<boolean> {
  if (client.getState().threads[id]) return Promise.resolve(false);
  const room = roomOf(client, id);
  room.opening ??= open(client, id, create).finally(() => {
    room.opening = null;
    if (room.users === 0 && rooms.get(client)?.get(id) === room) rooms.get(client)?.delete(id);
  });
  if (!create) return room.opening;
  // A look at whether it exists may be under way: what it did not find is created after it.
  return room.opening.then((created) => (client.getState().threads[id] ? created : open(client, id, create)));
}

async function open(client: AppClient, id: string, create: NewConversation | null): Promise<boolean> {
  const state = await started(client);
  if (state.threads[id]) return false;
  if (state.conversations[id]) {
    await client.call("conversations.open", { id });
    return false;
  }
  if (create) await client.call("conversations.create", { id, keep: create.keep, ...(create.settings ? { settings: create.settings } : {}) });
  return create !== null;
}

/** The state once the app has started: before, it does not know its conversations. */
export async function started(client: AppClient, signal?: AbortSignal): Promise<AppState> {
  await client.ready;
  if (signal?.aborted) throw cancelled(signal.reason);
  const now = client.getState();
  if (now.status !== "starting") return now;
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => (): void => {
      for (const undo of undos) undo();
      settle();
    };
    const abort = end(() => { reject(cancelled(signal?.reason)); });
    const undos = [
      client.subscribe(() => { if (client.getState().status !== "starting") end(() => { resolve(client.getState()); })(); }),
      client.onClose((error) => { end(() => { reject(error); })(); }),
      () => { signal?.removeEventListener("abort", abort); },
    ];
    signal?.addEventListener("abort", abort);
  });
}
