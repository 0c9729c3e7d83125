import type { JSX } from "react";
import { useStrings } from "../strings/index.ts";
import { Dialog } from "../ui/index.ts";

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
const MOD = isApple ? "⌘" : "Ctrl";

/** How the shortcuts of the app are written on this device. */
export const SHORTCUTS = {
  palette: `${MOD} K`,
  newChat: `${MOD} Shift O`,
  sidebar: `${MOD} B`,
  search: `${MOD} Shift F`,
  settings: `${MOD} .`,
  focus: "/",
  stop: "Esc",
  edit: "↑",
  send: "Enter",
  line: "Shift Enter",
  shortcuts: "?",
} as const;

/** Returns the keys of a shortcut, as a language writes them. */
export function keysIn(names: Readonly<Record<string, string>>, keys: string): string[] {
  return keys.split(" ").map((key) => names[key] ?? key);
}

/** The list of keyboard shortcuts. */
export function Shortcuts({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const { shortcuts, keys, keyNames } = useStrings().shell;
  return (
    <Dialog title={shortcuts} onClose={onClose}>
      <dl className="shortcuts">
        {(Object.keys(SHORTCUTS) as (keyof typeof SHORTCUTS)[]).map((name) => (
          <div key={name}>
            <dt>{keys[name]}</dt>
            <dd>
              {keysIn(keyNames, SHORTCUTS[name]).map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
