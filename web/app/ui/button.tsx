import type { ComponentPropsWithRef, JSX } from "react";
import { focused } from "./focused.ts";
import type { Icon } from "./icons.tsx";

type Base = Omit<ComponentPropsWithRef<"button">, "className">;

interface ButtonProps extends Base {
  /** `primary` is the one thing to do here, `danger` destroys, `plain` is everything else; `quiet` has no border. */
  readonly kind?: "primary" | "plain" | "danger" | "quiet";
  readonly icon?: Icon;
  readonly small?: boolean;
}

/** A button with a text. */
export function Button({ kind = "plain", icon: Drawing, small = false, autoFocus, children, ...rest }: ButtonProps): JSX.Element {
  return (
    <button type="button" {...focused(autoFocus)} {...rest} className={`button button-${kind}${small ? " button-small" : ""}`}>
      {Drawing && <Drawing size={small ? 16 : 18} />}
      <span>{children}</span>
    </button>
  );
}

interface IconButtonProps extends Base {
  readonly icon: Icon;
  /** What the button does: its name for screen readers, and its tooltip. */
  readonly label: string;
  readonly kind?: "primary" | "quiet";
  readonly size?: number;
  /** Keys that do the same, shown in the tooltip. */
  readonly keys?: string;
}

/** A button with only an icon. Its label is shown when the pointer or the keyboard is on it. */
export function IconButton({ icon: Drawing, label, kind = "quiet", size = 20, keys, ...rest }: IconButtonProps): JSX.Element {
  return (
    <button
      type="button"
      aria-label={label}
      data-tooltip={keys === undefined ? label : `${label}  ${keys}`}
      {...rest}
      className={`icon-button icon-button-${kind}`}
    >
      <Drawing size={size} />
    </button>
  );
}
