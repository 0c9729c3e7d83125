import { useClient, useSelector } from "@browserllm/react";
import { useCallback, useMemo, useState } from "react";
import { forgetDrafts } from "../composer/drafts.ts";
import { goTo, usePlace } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { decodeText } from "../text_file.ts";
import { useToast } from "../ui/index.ts";
import { useAction } from "../use_action.ts";
import { fileNameFor, pickFile, saveFile } from "./transfer.ts";

export interface ConversationActions {
  /** Takes it out of the list at once, and deletes it when it can no longer be undone. */
  readonly remove: (id: string, title: string) => void;
  readonly removeAll: () => void;
  readonly rename: (id: string, title: string) => void;
  readonly pin: (id: string, pinned: boolean) => void;
  readonly move: (id: string, folder: string) => void;
  readonly exportOne: (id: string, title: string, format: "json" | "markdown") => void;
  readonly exportAll: () => void;
  readonly importFile: () => void;
}

/** Returns what can be done with conversations, and the ids of those that wait to be deleted. */
export function useConversations(): { readonly actions: ConversationActions; readonly hidden: ReadonlySet<string> } {
  const strings = useStrings();
  const call = useAction();
  const toast = useToast();
  const { getState } = useClient();
  const place = usePlace();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const open = place.view === "chat" ? place.id : null;
  const hide = useCallback((id: string, hides: boolean) => {
    setHidden((all) => {
      const next = new Set(all);
      if (hides) next.add(id);
      else next.delete(id);
      return next;
    });
  }, []);
  const actions = useMemo<ConversationActions>(
    () => ({
      remove: (id, title) => {
        hide(id, true);
        if (open === id) goTo("chat", null, { replace: true });
        toast({
          text: strings.shell.deleted(title),
          action: {
            label: strings.common.undo,
            run: () => {
              hide(id, false);
            },
          },
          onGone: () => {
            forgetDrafts([id]);
            void call("conversations.delete", { id }).finally(() => {
              hide(id, false);
            });
          },
        });
      },
      removeAll: () => {
        goTo("chat", null, { replace: true });
        forgetDrafts(Object.keys(getState().conversations));
        void call("conversations.delete", { id: "*" });
      },
      rename: (id, title) => void call("conversations.update", { id, title }),
      pin: (id, pinned) => void call("conversations.update", { id, pinned }),
      move: (id, folder) => void call("conversations.update", { id, folder }),
      exportOne: (id, title, format) => {
        void call("conversations.export", { id, format }).then((text) => {
          if (text === undefined) return;
          if (format === "json") saveFile(fileNameFor(title, "json"), text, "application/json");
          else saveFile(fileNameFor(title, "md"), text, "text/markdown");
        });
      },
      exportAll: () => {
        void call("conversations.export").then((text) => {
          if (text !== undefined) saveFile(`browserllm-${new Date().toISOString().slice(0, 10)}.json`, text, "application/json");
        });
      },
      importFile: () => {
        void pickFile(".json,application/json").then(async (file) => {
          if (file === null) return;
          const bytes = await file.arrayBuffer().catch(() => null);
          const text = bytes === null ? null : decodeText(new Uint8Array(bytes));
          if (text === null) {
            toast({ kind: "bad", text: bytes === null ? strings.chat.unreadable(file.name) : strings.shell.notText(file.name) });
            return;
          }
          const ids = await call("conversations.import", { text });
          if (ids === undefined) return;
          toast({ text: strings.shell.imported(ids.length) });
          if (ids[0] !== undefined) goTo("chat", ids[0]);
        });
      },
    }),
    [call, getState, hide, open, strings, toast],
  );
  return { actions, hidden };
}

/** Returns the title of a conversation as it is shown. */
export function useTitle(id: string | null): string {
  const { untitled } = useStrings().shell;
  return useSelector((state) => {
    const title = id === null ? "" : (state.conversations[id]?.title ?? "");
    return title === "" ? untitled : title;
  });
}
