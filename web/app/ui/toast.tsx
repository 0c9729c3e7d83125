import { type JSX, type ReactNode, createContext, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { useStrings } from "../strings/index.ts";
import { Button, IconButton } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";

export interface ToastOptions {
  readonly text: string;
  readonly kind?: "plain" | "bad";
  readonly action?: { readonly label: string; readonly run: () => void };
  /** Called when the toast goes away without its action: by time, by the button, or with the page. */
  readonly onGone?: () => void;
}

interface Shown extends ToastOptions {
  readonly id: number;
}

const SHOWN_MS = 7000;

const Toasts = createContext<(options: ToastOptions) => void>(() => undefined);

/** Returns a function that shows a short message at the bottom of the window. */
export function useToast(): (options: ToastOptions) => void {
  return useContext(Toasts);
}

type Opened = (outlet: HTMLElement) => () => void;

const Outlets = createContext<Opened>(() => () => undefined);

/** Where toasts are shown while a modal dialog is open: what is outside of it can be neither reached nor heard. */
export function ToastOutlet(): JSX.Element {
  const opened = useContext(Outlets);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => (element.current ? opened(element.current) : undefined), [opened]);
  return <div ref={element} className="toasts" role="status" />;
}

/** Shows the toasts of everything inside it. */
export function ToastProvider({ children }: { readonly children: ReactNode }): JSX.Element {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const [outlets, setOutlets] = useState<readonly HTMLElement[]>([]);
  const opened = useCallback<Opened>((outlet) => {
    setOutlets((all) => [...all, outlet]);
    return () => {
      setOutlets((all) => all.filter((one) => one !== outlet));
    };
  }, []);
  const outlet = outlets.at(-1);
  const last = useRef(0);
  const show = useCallback((options: ToastOptions) => {
    last.current += 1;
    const toast = { ...options, id: last.current };
    setShown((all) => [...all, toast]);
  }, []);
  const remove = useCallback((id: number) => {
    setShown((all) => all.filter((toast) => toast.id !== id));
  }, []);
  const list = useMemo(() => shown.map((toast) => <Toast key={toast.id} toast={toast} onRemove={remove} />), [shown, remove]);
  return (
    <Toasts value={show}>
      <Outlets value={opened}>{children}</Outlets>
      <div className="toasts" role="status">
        {outlet === undefined && list}
      </div>
      {outlet !== undefined && createPortal(list, outlet)}
    </Toasts>
  );
}

function Toast({ toast, onRemove }: { readonly toast: Shown; readonly onRemove: (id: number) => void }): JSX.Element {
  const strings = useStrings();
  const [held, setHeld] = useState(false);
  const over = useRef(false);
  const leave = useCallback(
    (acted: boolean) => {
      if (over.current) return;
      over.current = true;
      if (acted) toast.action?.run();
      else toast.onGone?.();
      onRemove(toast.id);
    },
    [toast, onRemove],
  );
  useEffect(() => {
    const onHide = (): void => {
      leave(false);
    };
    addEventListener("pagehide", onHide);
    return () => {
      removeEventListener("pagehide", onHide);
    };
  }, [leave]);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => {
      leave(false);
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [held, leave]);
  return (
    <div
      className={`toast toast-${toast.kind ?? "plain"}`}
      onPointerEnter={() => { setHeld(true); }}
      onPointerLeave={() => { setHeld(false); }}
      onFocus={() => { setHeld(true); }}
      onBlur={() => { setHeld(false); }}
    >
      <span className="toast-text">{toast.text}</span>
      {toast.action && (
        <Button kind="quiet" small onClick={() => { leave(true); }}>
          {toast.action.label}
        </Button>
      )}
      <IconButton icon={CloseIcon} size={16} label={strings.common.dismiss} onClick={() => { leave(false); }} />
    </div>
  );
}
