/** useChat: a conversation with a model, in the words of AI SDK. */

import { useEffect, useInsertionEffect, useMemo, useSyncExternalStore } from "react";
import { useClient } from "../provider.tsx";
import { Chat, type ChatOptions, type ChatSnapshot } from "./chat.ts";

export interface UseChatOptions extends ChatOptions {
  /** The conversation to show. Without it, a new one begins with the first message. */
  readonly id?: string | undefined;
}

export interface UseChat
  extends ChatSnapshot,
    Pick<
      Chat,
      | "sendMessage"
      | "regenerate"
      | "stop"
      | "clearError"
      | "addToolApprovalResponse"
      | "edit"
      | "continueAnswer"
      | "deleteMessage"
      | "selectBranch"
    > {
  /** The conversation's id. */
  readonly id: string;
}

/**
 * Show a conversation and talk to the model.
 *
 * The functions are always the same, and so is every message that did not change. They do not reject: what fails is in
 * `error`. A message that is sent while the model loads waits in `queue`.
 */
export function useChat(options: UseChatOptions = {}): UseChat {
  const client = useClient();
  const id = options.id ?? null;
  const chat = useMemo(() => new Chat(client, id), [client, id]);
  useInsertionEffect(() => { chat.options = options; });
  const now = useSyncExternalStore(chat.subscribe, chat.getSnapshot, chat.getSnapshot);
  useEffect(chat.mount, [chat]);
  const settings = JSON.stringify(options.settings);
  useEffect(() => { void chat.applySettings(); }, [chat, settings]);
  return useMemo(
    () => ({
      id: chat.id,
      ...now,
      sendMessage: chat.sendMessage,
      regenerate: chat.regenerate,
      stop: chat.stop,
      clearError: chat.clearError,
      addToolApprovalResponse: chat.addToolApprovalResponse,
      edit: chat.edit,
      continueAnswer: chat.continueAnswer,
      deleteMessage: chat.deleteMessage,
      selectBranch: chat.selectBranch,
    }),
    [chat, now],
  );
}
