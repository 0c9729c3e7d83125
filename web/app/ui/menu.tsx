import { type JSX, type KeyboardEvent, type ReactElement, type ReactNode, cloneElement, useId, useLayoutEffect, useRef, useState } from "react";
import { CheckIcon, type Icon } from "./icons.tsx";
import { placeBeside, showOnTop } from "./top_layer.ts";

export interface MenuItem {
  readonly label: string;
  readonly icon?: Icon;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** Present for an item that is one of several choices. */
  readonly checked?: boolean;
  /** A second line below the label. */
  readonly note?: string;
  readonly run: () => void;
}

interface TriggerProps {
  readonly "aria-haspopup"?: "menu";
  readonly "aria-expanded"?: boolean;
  readonly "aria-controls"?: string | undefined;
  readonly onPointerDown?: () => void;
  readonly onClick?: (event: { readonly detail: number; readonly currentTarget: Element }) => void;
}

interface MenuProps {
  /** The button that opens the menu. */
  readonly trigger: ReactElement<TriggerProps>;
  /** `"-"` is a line between groups. */
  readonly items: readonly (MenuItem | "-")[];
  readonly align?: "start" | "end";
  readonly heading?: ReactNode;
}

/** A menu button. Arrow keys move, Home and End jump, a letter goes to the next item that begins with it, Escape closes. */
export function Menu({ trigger, items, align = "start", heading }: MenuProps): JSX.Element {
  const [anchor, setAnchor] = useState<Element | null>(null);
  const wasOpen = useRef(false);
  const id = useId();
  const open = anchor !== null;
  const button = cloneElement(trigger, {
    "aria-haspopup": "menu",
    "aria-expanded": open,
    "aria-controls": open ? id : undefined,
    // A press on the button closes an open menu before its click arrives, which must not open it again.
    onPointerDown: () => {
      wasOpen.current = open;
    },
    onClick: (event) => {
      const close = event.detail === 0 ? open : wasOpen.current;
      wasOpen.current = false;
      setAnchor(close ? null : event.currentTarget);
    },
  });
  const close = (): void => {
    setAnchor(null);
    if (anchor instanceof HTMLElement) anchor.focus();
  };
  return (
    <>
      {button}
      {anchor && <MenuList id={id} anchor={anchor} align={align} items={items} heading={heading} onClose={close} onGone={() => { setAnchor(null); }} />}
    </>
  );
}

interface MenuListProps {
  readonly id: string;
  readonly anchor: Element;
  readonly align: "start" | "end";
  readonly items: readonly (MenuItem | "-")[];
  readonly heading: ReactNode;
  readonly onClose: () => void;
  readonly onGone: () => void;
}

function MenuList({ id, anchor, align, items, heading, onClose, onGone }: MenuListProps): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    showOnTop(element);
    placeBeside(element, anchor.getBoundingClientRect(), align);
    (element.querySelector<HTMLElement>('[aria-checked="true"]') ?? entries(element)[0])?.focus();
  }, [anchor, align]);
  return (
    <div
      ref={list}
      id={id}
      role="menu"
      tabIndex={-1}
      className="menu"
      popover="auto"
      onToggle={(event) => {
        if (event.newState === "closed") onGone();
      }}
      onKeyDown={(event) => {
        onMenuKey(event, onClose);
      }}
    >
      {heading !== undefined && <div className="menu-heading">{heading}</div>}
      {items.map((item, index) =>
        item === "-" ? (
          <hr key={index} />
        ) : (
          <button
            key={item.label}
            type="button"
            role={item.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={item.checked}
            aria-disabled={item.disabled}
            tabIndex={-1}
            className={item.danger === true ? "menu-item menu-item-danger" : "menu-item"}
            onClick={() => {
              if (item.disabled === true) return;
              onClose();
              item.run();
            }}
          >
            {item.icon && <item.icon size={18} />}
            <span className="menu-label">
              {item.label}
              {item.note !== undefined && <span className="menu-note">{item.note}</span>}
            </span>
            {item.checked === true && <CheckIcon size={16} />}
          </button>
        ),
      )}
    </div>
  );
}

function entries(list: Element): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>(".menu-item")];
}

function onMenuKey(event: KeyboardEvent<HTMLElement>, onClose: () => void): void {
  const all = entries(event.currentTarget);
  const at = all.indexOf(document.activeElement as HTMLElement);
  const goTo = (index: number): void => {
    event.preventDefault();
    all[(index + all.length) % all.length]?.focus();
  };
  if (event.key === "ArrowDown") goTo(at + 1);
  else if (event.key === "ArrowUp") goTo(at - 1);
  else if (event.key === "Home") goTo(0);
  else if (event.key === "End") goTo(all.length - 1);
  else if (event.key === "Escape" || event.key === "Tab") {
    event.preventDefault();
    event.stopPropagation();
    onClose();
  } else if (event.key.length === 1 && event.key !== " ") {
    const rest = [...all.slice(at + 1), ...all.slice(0, at + 1)];
    rest.find((item) => item.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
}
