/** useConversations: the list of conversations on this device. */

import { useMemo } from "react";
import type { ConversationSettingsInput, Imported } from "./actions.ts";
import { useSelector } from "./provider.tsx";
import { useSafeActions, worked, type SafeCall, type WithError } from "./safe-actions.ts";
import type { AppState, Conversation, SearchHit } from "./state.ts";

export interface ConversationChanges {
  readonly title?: string | undefined;
  readonly pinned?: boolean | undefined;
  /** `""` takes it out of its folder. */
  readonly folder?: string | undefined;
  readonly settings?: ConversationSettingsInput | undefined;
}

export interface NewConversationOptions {
  readonly title?: string | undefined;
  readonly folder?: string | undefined;
  readonly settings?: ConversationSettingsInput | undefined;
  /** Whether it is kept on the device and listed; by default it is. */
  readonly keep?: boolean | undefined;
}

export interface ConversationActions {
  /** Create a conversation and open it; resolves with its id. */
  readonly create: (options?: NewConversationOptions) => Promise<string | undefined>;
  readonly update: (id: string, changes: ConversationChanges) => Promise<boolean>;
  readonly rename: (id: string, title: string) => Promise<boolean>;
  readonly pin: (id: string, pinned?: boolean) => Promise<boolean>;
  /** Delete a conversation, or all of them with `"*"`. With `undo` it is gone, and `restore` can bring it back until it is deleted without `undo`. */
  readonly delete: (id: string, options?: { readonly undo?: boolean }) => Promise<boolean>;
  /** Bring back a conversation that was deleted with `undo`. */
  readonly restore: (id: string) => Promise<boolean>;
  /** Search titles and messages; the newest hits first. */
  readonly search: (text: string, options?: { readonly limit?: number; readonly signal?: AbortSignal }) => Promise<readonly SearchHit[]>;
  /** Copy the shown messages, up to `message`, into a new conversation; resolves with its id. */
  readonly fork: (id: string, message?: string) => Promise<string | undefined>;
  /** The text of a file with one conversation, or without `id` all of them. */
  readonly exportText: (id?: string, format?: "json" | "markdown") => Promise<string | undefined>;
  /** Add the conversations of an exported JSON file, or what is missing of those that are here. A broken file adds nothing. */
  readonly importText: (text: string) => Promise<Imported | undefined>;
}

function conversationActions(call: SafeCall): ConversationActions {
  const update = (id: string, changes: ConversationChanges): Promise<boolean> => worked(call("conversations.update", { id, ...changes }));
  return {
    create: (options = {}) => call("conversations.create", options),
    update,
    rename: (id, title) => update(id, { title }),
    pin: (id, pinned = true) => update(id, { pinned }),
    delete: (id, { undo } = {}) => worked(call("conversations.delete", { id, undo })),
    restore: (id) => worked(call("conversations.restore", { id })),
    search: async (text, { limit, signal } = {}) => (await call("conversations.search", { text, limit }, { signal })) ?? [],
    fork: (id, message) => call("conversations.fork", { id, message }),
    exportText: (id, format) => call("conversations.export", { id, format }),
    importText: (text) => call("conversations.import", { text }),
  };
}

export interface UseConversations extends ConversationActions, WithError {
  /** Pinned ones first, then the newest. */
  readonly conversations: readonly Conversation[];
  /** The names of the folders that are in use, in alphabetical order. */
  readonly folders: readonly string[];
}

const selectConversations = (state: AppState): AppState["conversations"] => state.conversations;

/** The conversations on this device, and what can be done with them. */
export function useConversations(): UseConversations {
  const byId = useSelector(selectConversations);
  const [actions, error] = useSafeActions(conversationActions);
  const conversations = useMemo(() => Object.values(byId).sort(byPinAndAge), [byId]);
  const folders = useMemo(
    () => [...new Set(conversations.flatMap(({ folder }) => (folder === null ? [] : [folder])))].sort((a, b) => a.localeCompare(b)),
    [conversations],
  );
  return useMemo(() => ({ ...actions, conversations, folders, error }), [actions, conversations, folders, error]);
}

function byPinAndAge(a: Conversation, b: Conversation): number {
  return Number(b.pinned) - Number(a.pinned) || b.updatedAt - a.updatedAt || a.id.localeCompare(b.id);
}
