import type { JSX, ReactNode } from "react";
import { CheckIcon } from "./icons.tsx";

interface ChipProps {
  readonly pressed: boolean;
  readonly onChange: (pressed: boolean) => void;
  readonly children: ReactNode;
}

/** A small button that is on or off, for filters. */
export function Chip({ pressed, onChange, children }: ChipProps): JSX.Element {
  return (
    <button type="button" className="chip" aria-pressed={pressed} onClick={() => { onChange(!pressed); }}>
      {pressed && <CheckIcon size={14} />}
      {children}
    </button>
  );
}
