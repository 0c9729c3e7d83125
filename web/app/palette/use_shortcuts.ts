import { useEffect, useRef } from "react";

export interface ShortcutActions {
  readonly palette: () => void;
  readonly newChat: () => void;
  readonly sidebar: () => void;
  readonly search: () => void;
  readonly settings: () => void;
  readonly focus: () => void;
  readonly shortcuts: () => void;
}

/** Returns the name of the shortcut that a key press means, or `null`. `typing`: it happened in a field. */
export function shortcutOf(press: { key: string; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean; altKey: boolean }, typing: boolean): keyof ShortcutActions | null {
  const key = press.key.toLowerCase();
  if ((press.ctrlKey || press.metaKey) && !press.altKey) {
    if (press.shiftKey) return key === "o" ? "newChat" : key === "f" ? "search" : null;
    return key === "k" ? "palette" : key === "b" ? "sidebar" : key === "." ? "settings" : null;
  }
  if (typing || press.ctrlKey || press.metaKey || press.altKey) return null;
  return key === "/" ? "focus" : key === "?" ? "shortcuts" : null;
}

/** Carries out the shortcuts of the app, wherever the focus is; none while a dialog is open. */
export function useShortcuts(actions: ShortcutActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
      const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select, [contenteditable]");
      const name = shortcutOf(event, typing);
      if (name === null) return;
      event.preventDefault();
      latest.current[name]();
    };
    addEventListener("keydown", onKeyDown);
    return () => {
      removeEventListener("keydown", onKeyDown);
    };
  }, []);
}
