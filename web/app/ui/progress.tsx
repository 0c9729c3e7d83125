import type { JSX } from "react";

interface ProgressProps {
  /** 0 to 1, or `null` while it is not known how far it is. */
  readonly value: number | null;
  readonly label: string;
}

/** A progress bar. Screen readers hear the label and the percentage. */
export function Progress({ value, label }: ProgressProps): JSX.Element {
  return <progress className="progress" aria-label={label} {...(value === null ? {} : { value, max: 1 })} />;
}

interface MeterProps extends ProgressProps {
  /** What the ring stands for in words: its tooltip and its name. */
  readonly label: string;
}

/** A small ring that fills, for a share of something limited. */
export function Ring({ value, label }: MeterProps): JSX.Element {
  const share = Math.max(0, Math.min(1, value ?? 0));
  const around = 2 * Math.PI * 7;
  return (
    <span className={`ring${share > 0.85 ? " ring-full" : ""}`} role="img" aria-label={label} data-tooltip={label} tabIndex={0}>
      <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
        <circle className="ring-track" cx="10" cy="10" r="7" />
        <circle className="ring-value" cx="10" cy="10" r="7" strokeDasharray={`${share * around} ${around}`} transform="rotate(-90 10 10)" />
      </svg>
    </span>
  );
}
