/** Sorts conversations into what the sidebar lists. */

import type { Conversation } from "@browserllm/react";

type GroupName = "pinned" | "today" | "yesterday" | "week" | "older";

export interface Group {
  /** A group by age, or a folder by its name. */
  readonly name: GroupName | null;
  readonly folder: string | null;
  readonly conversations: readonly Conversation[];
}

/** Returns the pinned ones, each folder by its name, then the rest by age; the newest first in each. */
export function groupsOf(all: Readonly<Record<string, Conversation>>, now: number): readonly Group[] {
  const sorted = Object.values(all).sort((a, b) => b.updatedAt - a.updatedAt);
  const pinned = sorted.filter((one) => one.pinned);
  const rest = sorted.filter((one) => !one.pinned);
  const folders = [...new Set(rest.flatMap((one) => (one.folder === null ? [] : [one.folder])))].sort((a, b) => a.localeCompare(b));
  const loose = rest.filter((one) => one.folder === null);
  const ages: readonly GroupName[] = ["today", "yesterday", "week", "older"];
  return [
    { name: "pinned" as const, folder: null, conversations: pinned },
    ...folders.map((folder) => ({ name: null, folder, conversations: rest.filter((one) => one.folder === folder) })),
    ...ages.map((name) => ({ name, folder: null, conversations: loose.filter((one) => ageOf(one.updatedAt, now) === name) })),
  ].filter((group) => group.conversations.length > 0);
}

function ageOf(at: number, now: number): GroupName {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  const days = (daysAgo: number): number => new Date(midnight).setDate(midnight.getDate() - daysAgo);
  if (at >= days(0)) return "today";
  if (at >= days(1)) return "yesterday";
  return at >= days(7) ? "week" : "older";
}
