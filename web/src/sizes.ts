/** Sizes for people. Python's `_internal/formatting.py` writes the same. */

const UNITS: readonly (readonly [factor: number, unit: string])[] = [[1e3, "kB"], [1e6, "MB"], [1e9, "GB"]];
const LARGEST = [1e12, "TB"] as const;

/** A size in decimal units, as browsers count: "5 bytes", "12 kB", "3.4 MB", "352 MB", "1.4 GB". */
export function sizeText(bytes: number): string {
  if (bytes < 999.5) return Math.round(bytes) === 1 ? "1 byte" : `${bytes.toFixed(0)} bytes`;
  // The unit in which the rounded number stays below 1000.
  const [factor, unit] = UNITS.find(([factor]) => bytes < 999.5 * factor) ?? LARGEST;
  const number = bytes / factor;
  return `${number.toFixed(unit !== "kB" && number < 99.95 ? 1 : 0)} ${unit}`;
}
