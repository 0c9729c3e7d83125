/** What is known about a model, in words. */

import type { Download, Model } from "@browserllm/react";
import { formatBytes, formatCount } from "../format.ts";
import type { Strings } from "../strings/index.ts";

/** The facts that decide, in one line: parameters, context, purposes. How a build was quantised, and for which engine, is in the details. */
export function factsOf(model: Model, strings: Strings["models"], language: string): string[] {
  const facts: string[] = [];
  if (model.parameters !== null) facts.push(strings.parameters(formatCompact(model.parameters, language)));
  if (model.contextWindow !== null) facts.push(strings.context(formatCount(model.contextWindow, language)));
  const purposes = model.purposes.filter((purpose) => purpose !== "chat").map((purpose) => strings.purposes[purpose] ?? purpose);
  return [...facts, ...purposes];
}

/** What a model takes: its stored files, or the download to come. */
export function sizeOf(model: Model, strings: Strings["models"], language: string): string | null {
  if (model.bundled) return strings.bundled;
  if (model.downloaded && model.storedBytes > 0) return formatBytes(model.storedBytes, language);
  if (model.downloadBytes !== null) return formatBytes(model.downloadBytes, language);
  return model.downloaded ? strings.browsers : null;
}

/** 1.2B, and 1,2 Mrd. in German. */
function formatCompact(value: number, language: string): string {
  return new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** "webgpu" as people call it. */
export function deviceName(device: string, strings: Strings["models"]): string {
  return strings.devices[device] ?? device;
}

/** How long something will take: never more exact than it can be known. */
export function formatTimeLeft(seconds: number, language: string): string {
  const unit = (name: string, value: number): string => new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: 1 }).format(value);
  if (seconds < 90) return unit("second", seconds <= 10 ? Math.max(1, Math.ceil(seconds)) : Math.round(seconds / 5) * 5);
  if (seconds < 90 * 60) return unit("minute", Math.round(seconds / 60));
  return unit("hour", Math.round(seconds / 1800) / 2);
}

/** How far a download is, 0 to 1; `null` if its size is not known. */
export function shareOf({ receivedBytes, totalBytes }: Download): number | null {
  return totalBytes ? Math.min(1, receivedBytes / totalBytes) : null;
}
