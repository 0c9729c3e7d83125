import { isBlank, type UserPart, useSelector } from "@browserllm/react";
import { type ClipboardEvent, type JSX, type KeyboardEvent, useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from "react";
import { formatCount } from "../format.ts";
import { isBusy } from "../message/message.tsx";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { IconButton } from "../ui/index.ts";
import { AttachIcon, CloseIcon, SendIcon, StopIcon } from "../ui/icons.tsx";
import { SHARED_HASH, takeShared } from "../offline/shared.ts";
import { AttachmentList } from "./attachment_list.tsx";
import { noteDraft } from "./draft_facts.ts";
import { keepDraft, NEW_CHAT, readDraft } from "./drafts.ts";
import { ACCEPT, type Attachment, LONG_PASTE, LONGEST_MESSAGE, MOST_FILES, readFiles, textAsFile } from "./files.ts";
import { isComposing, sends } from "./keys.ts";
import { useDrop } from "./use_drop.ts";
import "./composer.css";

interface ComposerProps {
  /** The open conversation, or `null` for one that begins with this message. */
  readonly conversation: string | null;
  /** Sends; resolves to whether it worked, so that nothing that was written is lost. `written` returns what the box has by then. */
  readonly onSend: (parts: UserPart[], written: () => string) => Promise<boolean>;
  /** Stops the answer; resolves to the messages that were queued and are drafts again. */
  readonly onStop: () => Promise<readonly (readonly UserPart[])[]>;
  /** The up arrow in an empty box. */
  readonly onEditLast: () => void;
  /** Says whether the model that will answer can see images; a name if it cannot. */
  readonly blindModel: string | null;
}

/** The box to write in. Mount it anew (`key`) for another conversation. */
export function Composer({ conversation, onSend, onStop, onEditLast, blindModel }: ComposerProps): JSX.Element {
  const { chat: strings, common } = useStrings();
  const language = useLanguageCode();
  const enterSends = useSelector((state) => state.settings.enterSends);
  const busy = useSelector((state) => conversation !== null && isBusy(state.threads[conversation]));
  const queued = useSelector((state) => (conversation === null ? 0 : (state.threads[conversation]?.queue.length ?? 0)));
  const draftKey = conversation ?? NEW_CHAT;
  const [text, setText] = useState(() => readDraft(draftKey));
  const [files, setFiles] = useState<readonly Attachment[]>([]);
  const [problems, setProblems] = useState<readonly string[]>([]);
  /** The message that is on its way, and whether it was accepted. */
  const sending = useRef<Promise<boolean>>(Promise.resolve(true));
  /** Whether what is in the box is sent already: a key that is pressed twice at once is one message. */
  const taken = useRef(false);
  const [reading, setReading] = useState(0);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const empty = isBlank(text) && files.length === 0;

  const write = (value: string): void => {
    setText(value);
    keepDraft(draftKey, value);
  };
  const attach = async (given: readonly File[]): Promise<void> => {
    setReading((count) => count + given.length);
    const read = await readFiles(given, files, strings, language);
    setReading((count) => count - given.length);
    setFiles((all) => [...all, ...read.files]);
    setProblems(read.problems);
  };
  const takeIn = useEffectEvent(async () => {
    const shared = await takeShared(caches);
    if (shared === null) return;
    write(joined(shared.text, text));
    await attach(shared.files);
    area.current?.focus();
  });
  useEffect(() => {
    if (conversation !== null || location.hash !== SHARED_HASH || !("caches" in window)) return;
    history.replaceState(null, "", location.pathname + location.search);
    void takeIn();
  }, [conversation]);
  const problemOf = (): string | null => {
    if (text.length > LONGEST_MESSAGE) return strings.tooLong(formatCount(text.length, language), formatCount(LONGEST_MESSAGE, language));
    if (blindModel !== null && files.some((file) => file.mediaType.startsWith("image/"))) return strings.noVision(blindModel);
    return null;
  };
  const send = async (): Promise<void> => {
    if (empty || taken.current || reading > 0) return;
    const problem = problemOf();
    if (problem !== null) {
      setProblems([problem]);
      return;
    }
    const sent = { text, files };
    taken.current = true;
    setProblems([]);
    setText("");
    setFiles([]);
    const parts: UserPart[] = [...sent.files.map(asPart), ...(isBlank(sent.text) ? [] : [{ type: "text" as const, text: sent.text }])];
    // One after the other: what is written while a message is on its way is sent after it.
    const before = sending.current;
    const worked = (sending.current = before.then(() => onSend(parts, () => area.current?.value ?? "")));
    if (await worked) {
      keepDraft(draftKey, conversation === null ? "" : (area.current?.value ?? ""));
      return;
    }
    if (area.current === null) keepDraft(draftKey, joined(sent.text, readDraft(draftKey)));
    setText((now) => joined(sent.text, now));
    setFiles((now) => [...sent.files, ...now]);
  };
  const stop = async (): Promise<void> => {
    const drafts = (await onStop()).flat();
    const texts = drafts.flatMap((part) => (part.type === "text" ? [part.text] : []));
    if (texts.length > 0) write(joined(...texts, area.current?.value ?? ""));
    setFiles((now) => [...drafts.filter((part) => part.type === "file").map(asAttachment), ...now]);
  };

  useEffect(() => {
    taken.current = false;
    noteDraft(text, files);
  }, [text, files]);
  useEffect(() => () => { noteDraft("", []); }, []);
  useFitHeight(area, text);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) area.current?.focus();
  }, []);
  const dragging = useDrop((dropped) => void attach(dropped));

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (sends(event.nativeEvent, enterSends)) {
      event.preventDefault();
      void send();
    } else if (event.key === "ArrowUp" && text === "" && !isComposing(event.nativeEvent)) {
      event.preventDefault();
      onEditLast();
    } else if (event.key === "Escape" && busy && !isComposing(event.nativeEvent)) {
      void stop();
    }
  };
  const onPaste = (event: ClipboardEvent): void => {
    const pasted = [...event.clipboardData.files];
    const words = event.clipboardData.getData("text/plain");
    if (pasted.length > 0) {
      event.preventDefault();
      void attach(pasted);
    } else if (words.length > LONG_PASTE && files.length < MOST_FILES) {
      event.preventDefault();
      setFiles((all) => [...all, textAsFile(words, strings.pastedName(all.length + 1))]);
      setProblems([strings.pasted]);
    }
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {problems.length > 0 && (
        <div className="composer-problems" role="alert">
          <div>
            {problems.map((problem) => (
              <p key={problem}>{problem}</p>
            ))}
          </div>
          <IconButton icon={CloseIcon} size={16} label={common.dismiss} onClick={() => { setProblems([]); }} />
        </div>
      )}
      {queued > 0 && <p className="composer-queue">{strings.queued(queued)}</p>}
      <div className="composer-box" data-tooltips-outside="">
        <AttachmentList
          files={files}
          reading={reading}
          onRemove={(file) => {
            setFiles((all) => all.filter((other) => other !== file));
            area.current?.focus();
          }}
        />
        <textarea
          ref={area}
          className="composer-text"
          aria-label={strings.message}
          placeholder={strings.write}
          dir={text === "" ? undefined : "auto"}
          rows={1}
          enterKeyHint={enterSends ? "send" : "enter"}
          autoComplete="off"
          value={text}
          onChange={(event) => { write(event.target.value); }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <div className="composer-row">
          <IconButton icon={AttachIcon} label={strings.attach} disabled={files.length >= MOST_FILES} onClick={() => picker.current?.click()} />
          <input
            ref={picker}
            type="file"
            hidden
            multiple
            accept={ACCEPT}
            aria-label={strings.attach}
            onChange={(event) => {
              void attach([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
          <span className="composer-space" />
          {busy && <IconButton icon={StopIcon} kind={empty ? "primary" : "quiet"} label={strings.stop} keys="Esc" onClick={() => void stop()} />}
          {(!busy || !empty) && (
            <IconButton icon={SendIcon} kind="primary" type="submit" label={busy ? strings.sendQueued : strings.send} disabled={empty || reading > 0} />
          )}
        </div>
      </div>
      {dragging && <div className="drop">{strings.dropHere}</div>}
    </form>
  );
}

function joined(...texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}

function asPart({ type, mediaType, filename, url, text, sizeBytes }: Attachment): UserPart {
  return { type, mediaType, filename, ...(url === undefined ? {} : { url }), ...(text === undefined ? {} : { text }), sizeBytes };
}

function asAttachment(part: Extract<UserPart, { readonly type: "file" }>): Attachment {
  return { ...part, filename: part.filename ?? "", sizeBytes: part.sizeBytes ?? 0 };
}

/** Makes the box as high as its text, in browsers whose CSS cannot. */
function useFitHeight(area: { readonly current: HTMLTextAreaElement | null }, text: string): void {
  useLayoutEffect(() => {
    const element = area.current;
    if (!element || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [area, text]);
}
