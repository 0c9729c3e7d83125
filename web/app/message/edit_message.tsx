import { type ChatMessage, type FilePart, isBlank, type UserPart, useSelector } from "@browserllm/react";
import { type JSX, useEffect, useRef, useState } from "react";
import { useStrings } from "../strings/index.ts";
import { Button, IconButton } from "../ui/index.ts";
import { CloseIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { isComposing, sends } from "../composer/keys.ts";
import { textOf } from "./message.tsx";

interface EditMessageProps {
  readonly conversation: string;
  readonly message: ChatMessage;
  readonly onDone: () => void;
}

/** Writes a message anew: a question is answered again as another version, an answer is kept as it is written. */
export function EditMessage({ conversation, message, onDone }: EditMessageProps): JSX.Element {
  const strings = useStrings();
  const call = useAction();
  const enterSends = useSelector((state) => state.settings.enterSends);
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => textOf(message));
  const [files, setFiles] = useState(() => message.parts.filter((part) => part.type === "file"));
  const isAnswer = message.role === "assistant";
  const saving = useRef(false);
  useEffect(() => {
    const element = area.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const empty = isBlank(text) && files.length === 0;
  const save = (): void => {
    if (empty || saving.current) return;
    saving.current = true;
    const parts: UserPart[] = [...files.map(asInput), ...(isBlank(text) ? [] : [{ type: "text" as const, text }])];
    void call("chat.edit", { conversation, message: message.id, parts }).then((id) => {
      saving.current = false;
      if (id !== undefined) onDone();
    });
  };
  return (
    <form
      className="edit"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      {files.length > 0 && (
        <ul className="edit-files">
          {files.map((file, index) => (
            <li key={index}>
              {file.filename ?? strings.chat.image}
              <IconButton
                icon={CloseIcon}
                size={14}
                label={strings.chat.removeFile(file.filename ?? strings.chat.image)}
                onClick={() => {
                  setFiles((all) => all.filter((other) => other !== file));
                }}
              />
            </li>
          ))}
        </ul>
      )}
      <textarea
        ref={area}
        className="control control-text"
        aria-label={strings.chat.editLabel}
        dir="auto"
        rows={3}
        enterKeyHint={enterSends ? "send" : "enter"}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
        }}
        onKeyDown={(event) => {
          if (sends(event.nativeEvent, enterSends)) {
            event.preventDefault();
            save();
          } else if (event.key === "Escape" && !isComposing(event.nativeEvent)) {
            event.stopPropagation();
            onDone();
          }
        }}
      />
      <div className="edit-buttons">
        <Button small onClick={onDone}>
          {strings.common.cancel}
        </Button>
        <Button small kind="primary" type="submit" disabled={empty}>
          {isAnswer ? strings.chat.saveAnswer : strings.chat.saveAndSend}
        </Button>
      </div>
    </form>
  );
}

function asInput(part: FilePart): UserPart {
  return { type: "file", mediaType: part.mediaType, filename: part.filename, url: part.url, text: part.text, sizeBytes: part.sizeBytes };
}
