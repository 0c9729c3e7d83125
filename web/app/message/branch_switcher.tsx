import { type ChatMessage, shallowEqual, type Thread, useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { useStrings } from "../strings/index.ts";
import { IconButton } from "../ui/index.ts";
import { ChevronLeftIcon, ChevronRightIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";

/** Returns the ids of a message and those beside it, oldest first: other wordings of a question, other answers to it. */
function versionsOf(thread: Thread | undefined, message: ChatMessage): readonly string[] {
  const beside = thread?.children[message.parent ?? ""] ?? [];
  return beside.filter((id) => thread?.messages[id]?.role === message.role);
}

/** ‹ 2/3 ›: shows which version of a message this is, and goes to the others. */
export function BranchSwitcher({ conversation, message }: { readonly conversation: string; readonly message: ChatMessage }): JSX.Element | null {
  const strings = useStrings().chat;
  const versions = useSelector((state) => versionsOf(state.threads[conversation], message), shallowEqual);
  const call = useAction();
  const at = versions.indexOf(message.id);
  if (versions.length < 2 || at === -1) return null;
  const select = (id: string | undefined): void => {
    if (id !== undefined) void call("chat.branch", { conversation, message: id });
  };
  return (
    <div className="branches" role="group" aria-label={strings.branch(at + 1, versions.length)}>
      <IconButton icon={ChevronLeftIcon} size={16} label={strings.previousBranch} disabled={at === 0} onClick={() => { select(versions[at - 1]); }} />
      <span aria-hidden="true">
        {at + 1}/{versions.length}
      </span>
      <IconButton icon={ChevronRightIcon} size={16} label={strings.nextBranch} disabled={at === versions.length - 1} onClick={() => { select(versions[at + 1]); }} />
    </div>
  );
}
