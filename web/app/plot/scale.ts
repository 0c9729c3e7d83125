/** Where the values of a plot are drawn. */

/** Returns round steps from zero to at least `high`: at most `count` of them. */
export function ticks(high: number, count = 4): number[] {
  if (!(high > 0)) return [0, 1];
  const rough = high / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const all: number[] = [];
  for (let number = 0; number * step < high + step; number += 1) all.push(number * step);
  return all;
}

export interface Box {
  readonly width: number;
  readonly height: number;
  readonly start: number;
  readonly end: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Places values in their order, the first at the start: answers do not come evenly, and gaps would only waste space. */
export function place(values: readonly number[], high: number, box: Box): Point[] {
  const across = box.width - box.start - box.end;
  const up = box.height - box.top - box.bottom;
  return values.map((value, index) => ({
    x: box.start + (values.length === 1 ? across / 2 : (index / (values.length - 1)) * across),
    y: box.top + up * (1 - value / high),
  }));
}
