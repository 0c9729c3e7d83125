import { type JSX, useState } from "react";

const STEP = 0.25;

interface MilestonesProps {
  /** 0 to 1, or `null` if it is not known. */
  readonly value: number | null;
  /** What is read out at a share. */
  readonly say: (share: number) => string;
}

/** Tells screen readers of progress at every quarter, not at every change. */
export function Milestones({ value, say }: MilestonesProps): JSX.Element {
  const reached = Math.floor((value ?? 0) / STEP) * STEP;
  // What was reached before this was drawn is not news.
  const [first] = useState(reached);
  return (
    <span className="visually-hidden" role="status">
      {reached > first ? say(reached) : ""}
    </span>
  );
}
