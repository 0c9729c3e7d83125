import { type JSX, type ReactNode, useEffect, useId, useRef } from "react";
import { useStrings } from "../strings/index.ts";
import { IconButton } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";
import { ToastOutlet } from "./toast.tsx";

interface DialogProps {
  readonly title: string;
  readonly children: ReactNode;
  /** The buttons at the bottom, the main one last. */
  readonly footer?: ReactNode;
  /** `side` is a panel at the end of the line, as high as the window. */
  readonly shape?: "center" | "side" | "wide";
  readonly onClose: () => void;
}

/** A modal dialog. It is open as long as it is rendered; Escape, the button and a click beside it ask to close it. */
export function Dialog({ title, children, footer, shape = "center", onClose }: DialogProps): JSX.Element {
  const strings = useStrings();
  const heading = useId();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // What React focused was not visible yet.
      dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    }
    return () => {
      dialog?.close();
    };
  }, []);
  return (
    <dialog
      ref={element}
      className={`dialog dialog-${shape}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return;
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div className="dialog-box">
        <header className="dialog-header">
          <h2 id={heading}>{title}</h2>
          <IconButton icon={CloseIcon} label={strings.common.close} onClick={onClose} />
        </header>
        <div className="dialog-body">{children}</div>
        {footer !== undefined && <footer className="dialog-footer">{footer}</footer>}
      </div>
      <ToastOutlet />
    </dialog>
  );
}
