import { useSelector } from "@browserllm/react";
import { type JSX, useEffect, useId, useRef, useState } from "react";
import { isComposing } from "../composer/keys.ts";
import { goTo } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { ChatIcon, type Icon } from "../ui/icons.tsx";
import { rank } from "./rank.ts";
import { keysIn } from "./shortcuts.tsx";
import "./palette.css";

export interface Command {
  readonly id: string;
  readonly label: string;
  readonly icon: Icon;
  readonly keys?: string;
  readonly run: () => void;
}

const MOST_SHOWN = 50;

interface PaletteProps {
  readonly commands: readonly Command[];
  readonly onClose: () => void;
}

/** Finds a command or a conversation by a few letters of its name. */
export function Palette({ commands, onClose }: PaletteProps): JSX.Element {
  const strings = useStrings().shell;
  const conversations = useSelector((state) => state.conversations);
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useId();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => {
      element?.close();
    };
  }, []);
  const chats: Command[] = Object.values(conversations)
    .sort((a, b) => b.updatedAt - a.updatedAt)
    .map((one) => ({ id: `chat ${one.id}`, label: one.title === "" ? strings.untitled : one.title, icon: ChatIcon, run: () => { goTo("chat", one.id); } }));
  const shown = rank(text, [...commands, ...chats], (command) => command.label).slice(0, MOST_SHOWN);
  const current = shown[Math.min(at, shown.length - 1)];
  const choose = (command: Command | undefined): void => {
    if (!command) return;
    onClose();
    command.run();
  };
  useEffect(() => {
    document.getElementById(`${list} ${current?.id ?? ""}`)?.scrollIntoView({ block: "nearest" });
  }, [list, current?.id]);
  return (
    <dialog
      ref={dialog}
      className="dialog palette"
      aria-label={strings.palette}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={current ? `${list} ${current.id}` : undefined}
        aria-label={strings.palettePlaceholder}
        placeholder={strings.palettePlaceholder}
        dir="auto"
        autoFocus
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (isComposing(event.nativeEvent)) return;
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step !== undefined && shown.length > 0) {
            event.preventDefault();
            setAt((Math.min(at, shown.length - 1) + step + shown.length) % shown.length);
          } else if (event.key === "Enter") {
            event.preventDefault();
            choose(current);
          }
        }}
      />
      <ul id={list} role="listbox" aria-label={strings.palette}>
        {shown.map((command) => (
          <li
            key={command.id}
            id={`${list} ${command.id}`}
            role="option"
            aria-selected={command === current}
            onClick={() => { choose(command); }}
          >
            <command.icon size={18} />
            <span className="palette-label" dir="auto">
              {command.label}
            </span>
            {command.keys !== undefined && <kbd>{keysIn(strings.keyNames, command.keys).join(" ")}</kbd>}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="palette-empty">{strings.paletteEmpty(text)}</p>}
    </dialog>
  );
}
