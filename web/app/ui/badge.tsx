import type { JSX, ReactNode } from "react";
import type { Icon } from "./icons.tsx";

interface BadgeProps {
  readonly tone?: "plain" | "accent" | "good" | "warn" | "bad";
  readonly icon?: Icon;
  readonly children: ReactNode;
  readonly title?: string;
}

/** A short fact about the thing beside it. */
export function Badge({ tone = "plain", icon: Drawing, children, title }: BadgeProps): JSX.Element {
  return (
    <span className={`badge badge-${tone}`} data-tooltip={title}>
      {Drawing && <Drawing size={14} />}
      {children}
    </span>
  );
}
