/** The parts of a message, each in its own way. */

import type { ChatMessage, FilePart, ReasoningPart, TextPart } from "@browserllm/react";
import { type JSX, memo, useState } from "react";
import { formatBytes, formatCount } from "../format.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Dialog } from "../ui/index.ts";
import { ChevronRightIcon, FileIcon } from "../ui/icons.tsx";
import { useFramed } from "../use_framed.ts";
import { ObjectTree } from "./object_tree.tsx";
import { ToolCall } from "./tool_call.tsx";

type Part = ChatMessage["parts"][number];

/** One part. It is drawn again only when the part changed. */
export const PartView = memo(function PartView({ part, role }: { readonly part: Part; readonly role: ChatMessage["role"] }): JSX.Element {
  switch (part.type) {
    case "text":
      return role === "user" ? <PlainText text={part.text} /> : <AnswerText part={part} />;
    case "reasoning":
      return <Reasoning part={part} />;
    case "file":
      return <FileView part={part} />;
    case "dynamic-tool":
      return <ToolCall part={part} />;
    case "data-object":
      return <ObjectTree value={part.value} streaming={part.state === "streaming"} />;
  }
});

/** What the person wrote, as it was written. */
function PlainText({ text }: { readonly text: string }): JSX.Element {
  return (
    <p className="plain-text" dir="auto">
      {text}
    </p>
  );
}

function AnswerText({ part }: { readonly part: TextPart }): JSX.Element {
  const live = part.state === "streaming";
  return <Markdown text={useFramed(part.text, live)} streaming={live} />;
}

/** The model's thoughts, folded. While it thinks the last line can be seen. */
function Reasoning({ part }: { readonly part: ReasoningPart }): JSX.Element {
  const strings = useStrings().chat;
  const [open, setOpen] = useState(false);
  const live = part.state === "streaming";
  const text = useFramed(part.text, live);
  return (
    <details
      className="reasoning"
      open={open}
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>
        <ChevronRightIcon size={16} />
        <span className={live ? "reasoning-live" : undefined}>{live ? strings.thinking : strings.thought}</span>
        {live && !open && <span className="reasoning-line">{lastLine(text)}</span>}
      </summary>
      {open && (
        <div className="reasoning-text">
          <Markdown text={text} streaming={live} />
        </div>
      )}
    </details>
  );
}

function lastLine(text: string): string {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line.slice(-160);
}

/** A file that the person attached: a picture, or a card that opens its text. */
function FileView({ part }: { readonly part: FilePart }): JSX.Element {
  const strings = useStrings().chat;
  const language = useLanguageCode();
  const [open, setOpen] = useState(false);
  const name = part.filename ?? strings.image;
  const isImage = part.mediaType.startsWith("image/") && part.url !== null;
  const size = part.sizeBytes === null ? null : formatBytes(part.sizeBytes, language);
  return (
    <>
      <button
        type="button"
        className={isImage ? "file-image" : "file-card"}
        aria-label={size === null ? name : `${name}, ${size}`}
        onClick={() => {
          setOpen(true);
        }}
      >
        {isImage ? (
          <img src={part.url} alt={name} />
        ) : (
          <>
            <FileIcon size={20} />
            <span className="file-name">{name}</span>
            <span className="quiet small">{size ?? (part.text === null ? "" : strings.characters(formatCount(part.text.length, language)))}</span>
          </>
        )}
      </button>
      {open && (
        <Dialog
          title={name}
          shape="wide"
          onClose={() => {
            setOpen(false);
          }}
        >
          {isImage ? <img className="file-whole" src={part.url} alt={name} /> : <pre className="file-text">{part.text}</pre>}
        </Dialog>
      )}
    </>
  );
}
