import { type ChatMessage, type Thread, useSelector } from "@browserllm/react";
import { type JSX, memo, useState } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { LoadLine } from "../models/load_line.tsx";
import { goTo } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { Badge, Confirm, IconButton, Menu, type MenuItem } from "../ui/index.ts";
import { BranchIcon, ContinueIcon, EditIcon, MoreIcon, RefreshIcon, TrashIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { AnswerLine } from "./answer_line.tsx";
import { Boundary } from "./boundary.tsx";
import { BranchSwitcher } from "./branch_switcher.tsx";
import { CopyButton } from "./copy_button.tsx";
import { EditMessage } from "./edit_message.tsx";
import { PartView } from "./parts.tsx";

interface MessageProps {
  readonly conversation: string;
  readonly id: string;
  /** Whether it is the last one that is shown. */
  readonly last: boolean;
  readonly editing: boolean;
  /** Whether another message is being edited: what would replace or lose that text has to wait. */
  readonly locked: boolean;
  /** Begins to edit this message, or ends it with `null`. */
  readonly onEdit: (id: string | null) => void;
}

/** A message with what belongs to it. Only its own changes draw it again. */
export const Message = memo(function Message({ conversation, id, last, editing, locked, onEdit }: MessageProps): JSX.Element | null {
  const strings = useStrings().chat;
  const message = useSelector((state) => state.threads[conversation]?.messages[id]);
  const busy = useSelector((state) => isBusy(state.threads[conversation]));
  const call = useAction();
  if (!message) return null;
  const { role, status, parts, error, answer } = message;
  const live = status === "submitted" || status === "streaming";
  const isAnswer = role === "assistant";
  const question = isAnswer ? message.parent : id;
  return (
    <article className={`message message-${role}`} aria-label={isAnswer ? strings.assistant : strings.you} aria-busy={live}>
      {editing ? (
        <EditMessage conversation={conversation} message={message} onDone={() => { onEdit(null); }} />
      ) : (
        <div className="message-parts">
          {parts.map((part, index) => (
            <Boundary key={index} source={part}>
              <PartView part={part} role={role} />
            </Boundary>
          ))}
          {isAnswer && status === "submitted" && <Preparing />}
          {status === "done" && isAnswer && parts.length === 0 && error === null && <p className="quiet">{strings.empty}</p>}
        </div>
      )}
      {error !== null && (
        <ErrorPanel
          error={error}
          run={
            editing || locked
              ? {}
              : {
                  retry: () => void call("chat.regenerate", { conversation, message: isAnswer ? id : null }),
                  ...(question !== null && { edit_message: () => { onEdit(question); } }),
                }
          }
        />
      )}
      {!editing && (
        <footer className="message-foot" data-last={last || undefined}>
          {status === "queued" && <QueuedBadge />}
          {status === "stopped" && <Badge>{strings.stopped}</Badge>}
          {answer?.finishReason === "length" && status === "done" && <Badge tone="warn">{strings.cutOff}</Badge>}
          {isAnswer && answer !== null && !live && <AnswerLine answer={answer} />}
          <BranchSwitcher conversation={conversation} message={message} />
          {!live && <Actions conversation={conversation} message={message} last={last} busy={busy} locked={locked} onEdit={onEdit} />}
        </footer>
      )}
    </article>
  );
});

/** Says whether a conversation is being answered. */
export function isBusy(thread: Thread | undefined): boolean {
  return thread?.status === "submitted" || thread?.status === "streaming";
}

/** Returns a message's text, without thoughts and tools. */
export function textOf(message: ChatMessage): string {
  return message.parts
    .map((part) => (part.type === "text" ? part.text : part.type === "data-object" ? JSON.stringify(part.value, null, 2) : ""))
    .filter((text) => text !== "")
    .join("\n\n");
}

/** Three dots until the first word comes; for a model that loads first, a bar that says how far it is. */
function Preparing(): JSX.Element {
  const strings = useStrings().chat;
  const loading = useSelector((state) => state.loading !== null);
  if (loading) return <LoadLine />;
  return (
    <div className="preparing">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span className="visually-hidden">{strings.preparing}</span>
    </div>
  );
}

function QueuedBadge(): JSX.Element {
  const strings = useStrings().chat;
  const loading = useSelector((state) => state.loading !== null);
  return <Badge>{loading ? strings.waitingForModel : strings.waiting}</Badge>;
}

interface ActionsProps {
  readonly conversation: string;
  readonly message: ChatMessage;
  readonly last: boolean;
  readonly busy: boolean;
  readonly locked: boolean;
  readonly onEdit: (id: string) => void;
}

function Actions({ conversation, message, last, busy, locked, onEdit }: ActionsProps): JSX.Element {
  const strings = useStrings();
  const call = useAction();
  const [asking, setAsking] = useState(false);
  const { id, role, status } = message;
  const isAnswer = role === "assistant";
  const edit: MenuItem = { label: strings.chat.edit, icon: EditIcon, disabled: locked || (busy && status !== "queued"), run: () => { onEdit(id); } };
  const more: (MenuItem | "-")[] = [
    ...(isAnswer ? [edit] : []),
    {
      label: strings.chat.fork,
      icon: BranchIcon,
      run: () => {
        void call("conversations.fork", { id: conversation, message: id }).then((fork) => {
          if (fork !== undefined) goTo("chat", fork);
        });
      },
    },
    "-",
    { label: strings.chat.deleteMessage, icon: TrashIcon, danger: true, disabled: locked, run: () => { setAsking(true); } },
  ];
  return (
    <div className="message-actions" role="group" aria-label={strings.chat.actions}>
      <CopyButton text={() => textOf(message)} label={strings.chat.copy} />
      {isAnswer ? (
        <IconButton
          icon={RefreshIcon}
          size={18}
          label={strings.chat.regenerate}
          disabled={busy || locked}
          onClick={() => void call("chat.regenerate", { conversation, message: id })}
        />
      ) : (
        <IconButton icon={EditIcon} size={18} label={strings.chat.edit} disabled={edit.disabled} onClick={edit.run} />
      )}
      {isAnswer && last && (status === "stopped" || message.answer?.finishReason === "length") && (
        <IconButton
          icon={ContinueIcon}
          size={18}
          label={strings.chat.continueAnswer}
          disabled={busy || locked}
          onClick={() => void call("chat.continue", { conversation })}
        />
      )}
      <Menu trigger={<IconButton icon={MoreIcon} size={18} label={strings.common.more} />} items={more} />
      {asking && (
        <Confirm
          title={strings.chat.deleteTitle}
          text={strings.chat.deleteText}
          verb={strings.common.delete}
          onClose={() => { setAsking(false); }}
          onConfirm={() => void call("chat.delete", { conversation, message: id })}
        />
      )}
    </div>
  );
}
