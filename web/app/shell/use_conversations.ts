import { useClient, useSelector, type Imported } from "@browserllm/react";
import { useMemo } from "react";
import { forgetDrafts } from "../composer/drafts.ts";
import { currentPlace, goTo, usePlace } from "../router.ts";
import { useStrings, type Strings } from "../strings/index.ts";
import { decodeText } from "../text_file.ts";
import { useToast } from "../ui/index.ts";
import { useAction } from "../use_action.ts";
import { fileNameFor, pickFile, saveFile } from "./transfer.ts";

export interface ConversationActions {
  /** Deletes it, and offers to undo that for a few seconds. */
  readonly remove: (id: string, title: string) => void;
  readonly removeAll: () => void;
  readonly rename: (id: string, title: string) => void;
  readonly pin: (id: string, pinned: boolean) => void;
  readonly move: (id: string, folder: string) => void;
  readonly exportOne: (id: string, title: string, format: "json" | "markdown") => void;
  readonly exportAll: () => void;
  readonly importFile: () => void;
}

/** Returns what can be done with conversations. */
export function useConversations(): ConversationActions {
  const strings = useStrings();
  const call = useAction();
  const toast = useToast();
  const { getState } = useClient();
  const place = usePlace();
  const open = place.view === "chat" ? place.id : null;
  return useMemo<ConversationActions>(
    () => ({
      remove: (id, title) => {
        const goBack = (): void => {
          // Not if the person has gone elsewhere in the meantime.
          const { view, id: shown } = currentPlace();
          if (open === id && view === "chat" && shown === null) goTo("chat", id, { replace: true });
        };
        if (open === id) goTo("chat", null, { replace: true });
        void call("conversations.delete", { id, undo: true }).then((done) => {
          if (done === undefined) {
            goBack();
            return;
          }
          toast({
            text: strings.shell.deleted(title),
            action: {
              label: strings.common.undo,
              run: () => {
                void call("conversations.restore", { id }).then((back) => {
                  if (back !== undefined) goBack();
                });
              },
            },
            onGone: () => {
              forgetDrafts([id]);
              void call("conversations.delete", { id });
            },
          });
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
          const imported = await call("conversations.import", { text });
          if (imported === undefined) return;
          toast({ text: importedText(imported, strings) });
          const first = imported.added[0] ?? imported.joined[0];
          if (first !== undefined) goTo("chat", first);
        });
      },
    }),
    [call, getState, open, strings, toast],
  );
}

/** Says what became of the conversations of a file. */
function importedText({ added, joined, present }: Imported, { shell }: Strings): string {
  const said = [
    ...(added.length > 0 ? [shell.imported(added.length)] : []),
    ...(joined.length > 0 ? [shell.joined(joined.length)] : []),
    ...(present.length > 0 ? [shell.present(present.length)] : []),
  ];
  return said.length > 0 ? said.join(" · ") : shell.nothingImported;
}

/** Returns the title of a conversation as it is shown. */
export function useTitle(id: string | null): string {
  const { untitled } = useStrings().shell;
  return useSelector((state) => {
    const title = id === null ? "" : (state.conversations[id]?.title ?? "");
    return title === "" ? untitled : title;
  });
}
