/** What of an unsent message decides who would answer it: the header asks for it while the message is being written. */

import { isBlank } from "@browserllm/react";
import { Listeners } from "@browserllm/react/listeners";
import { useSyncExternalStore } from "react";
import type { Attachment } from "./files.ts";

interface DraftFacts {
  readonly text: string;
  readonly images: number;
  readonly fileChars: number;
}

/** Within so many characters the length of a text makes no difference. */
const STEP_CHARS = 500;

export const NO_DRAFT: DraftFacts = { text: "", images: 0, fileChars: 0 };

let facts = NO_DRAFT;
const listeners = new Listeners();
const subscribe = (listener: () => void): (() => void) => listeners.add(listener);

/** Takes the draft as it is now. Listeners hear of it only when it may be answered by another model than before. */
export function noteDraft(text: string, files: readonly Attachment[]): void {
  const images = files.filter((file) => file.mediaType.startsWith("image/")).length;
  const fileChars = files.reduce((sum, file) => sum + (file.text?.length ?? 0), 0);
  const next = isBlank(text) && files.length === 0 ? NO_DRAFT : { text, images, fileChars };
  if (images === facts.images && fileChars === facts.fileChars && stepOf(next.text) === stepOf(facts.text)) return;
  facts = next;
  listeners.tell();
}

function stepOf(text: string): number {
  return Math.floor(text.length / STEP_CHARS);
}

/** Returns what of the draft decides who would answer it. */
export function useDraftFacts(): DraftFacts {
  return useSyncExternalStore(subscribe, () => facts);
}
