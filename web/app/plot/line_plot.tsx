import { type JSX, type KeyboardEvent, type PointerEvent, useId, useLayoutEffect, useRef, useState } from "react";
import { type Box, place, ticks } from "./scale.ts";

export interface PlotValue {
  readonly value: number;
  /** What it is, for the line below the plot when it is pointed at. */
  readonly text: string;
  /** Values of different kinds have different marks. */
  readonly kind: number;
}

interface LinePlotProps {
  readonly title: string;
  readonly values: readonly PlotValue[];
  readonly format: (value: number) => string;
  /** All that is shown, in a sentence. */
  readonly summary: string;
}

const HEIGHT = 180;
const AROUND = { start: 64, end: 12, top: 12, bottom: 12 };

/** Values over time. Pointing at it, or arrow keys on it, tell one of them. */
export function LinePlot({ title, values, format, summary }: LinePlotProps): JSX.Element {
  const id = useId();
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  const [at, setAt] = useState<number | null>(null);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) setWidth(entry.contentRect.width);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, []);
  const box: Box = { width, height: HEIGHT, ...AROUND };
  const steps = ticks(Math.max(...values.map(({ value }) => value)));
  const high = steps.at(-1) ?? 1;
  const points = place(values.map(({ value }) => value), high, box);
  const shown = at === null ? null : Math.min(at, values.length - 1);
  const onPointer = (event: PointerEvent<SVGSVGElement>): void => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const distances = points.map((point) => Math.abs(point.x - x));
    setAt(distances.indexOf(Math.min(...distances)));
  };
  const onKey = (event: KeyboardEvent): void => {
    const last = values.length - 1;
    const from = shown ?? last + 1;
    const next = { ArrowLeft: from - 1, ArrowRight: shown === null ? last : from + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(last, next)));
  };
  return (
    <figure className="plot" ref={frame}>
      <figcaption id={id}>{title}</figcaption>
      <svg
        role="img"
        aria-labelledby={id}
        aria-describedby={`${id}-summary`}
        tabIndex={0}
        width={width}
        height={HEIGHT}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        onPointerMove={onPointer}
        onPointerLeave={() => { setAt(null); }}
        onKeyDown={onKey}
        onBlur={() => { setAt(null); }}
      >
        {steps.map((step) => {
          const y = box.top + (HEIGHT - box.top - box.bottom) * (1 - step / high);
          return (
            <g key={step} className="plot-step">
              <line x1={box.start} x2={width - box.end} y1={y} y2={y} />
              <text x={box.start - 8} y={y} dominantBaseline="middle" textAnchor="end">
                {format(step)}
              </text>
            </g>
          );
        })}
        <polyline className="plot-line" points={points.map(({ x, y }) => `${x},${y}`).join(" ")} />
        {points.map(({ x, y }, index) => (
          <Mark key={index} kind={values[index]?.kind ?? 0} x={x} y={y} large={index === shown} />
        ))}
      </svg>
      <p id={`${id}-summary`} className="visually-hidden">
        {summary}
      </p>
      <p className="plot-text" role="status">
        {shown === null ? "" : values[shown]?.text}
      </p>
    </figure>
  );
}

interface MarkProps {
  readonly kind: number;
  readonly x: number;
  readonly y: number;
  readonly large: boolean;
}

/** A point. The models differ in shape, not only in colour. */
export function Mark({ kind, x, y, large }: MarkProps): JSX.Element {
  const size = large ? 6 : 4;
  const props = { className: `plot-mark plot-mark-${kind % 4}` };
  if (kind % 4 === 1) return <rect {...props} x={x - size} y={y - size} width={2 * size} height={2 * size} />;
  if (kind % 4 === 2) return <path {...props} d={`M${x} ${y - size * 1.2}L${x + size * 1.2} ${y + size}L${x - size * 1.2} ${y + size}z`} />;
  if (kind % 4 === 3) return <path {...props} d={`M${x} ${y - size * 1.3}L${x + size * 1.3} ${y}L${x} ${y + size * 1.3}L${x - size * 1.3} ${y}z`} />;
  return <circle {...props} cx={x} cy={y} r={size} />;
}
