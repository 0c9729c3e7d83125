/** A conversation's messages in the shape that UIs of AI SDK 7 know: `id`, `role`, `parts`, `metadata`. */

import type { AnswerInfo, ChatMessage, ErrorInfo, FilePart, MessagePart, ReasoningPart, TextPart, Thread, ToolPart } from "../state.ts";

/** The other versions of a message: those that follow the same message. `index` counts from 0. */
export interface Branches {
  readonly index: number;
  readonly count: number;
  readonly ids: readonly string[];
}

export interface UIMetadata {
  /** Who gave the answer, and what it took. */
  readonly answer: AnswerInfo | null;
  /** The message before it. */
  readonly parent: string | null;
  readonly createdAt: number;
  /** `queued`: it waits for an answer in progress, for the model to load, or for the app to start. */
  readonly status: ChatMessage["status"];
  readonly error: ErrorInfo | null;
  readonly branches: Branches;
}

/** A file. The text of a text file is in `text`; `url` is a data URL of it. */
export type UIFilePart = Omit<FilePart, "url" | "filename"> & { readonly url: string; readonly filename?: string };

/** A tool call, as AI SDK has it. Answer `approval` with `addToolApprovalResponse`. */
export type UIToolPart = { readonly type: "dynamic-tool"; readonly toolName: string; readonly toolCallId: string } & (
  | { readonly state: "input-streaming"; readonly input: unknown }
  | { readonly state: "input-available"; readonly input: unknown }
  | { readonly state: "approval-requested"; readonly input: unknown; readonly approval: { readonly id: string } }
  | { readonly state: "output-available"; readonly input: unknown; readonly output: unknown }
  | { readonly state: "output-error"; readonly input: unknown; readonly errorText: string }
  | { readonly state: "output-denied"; readonly input: unknown; readonly approval: { readonly id: string; readonly approved: false; readonly reason?: string } }
);

/** Structured output: the value so far. */
export interface UIObjectPart {
  readonly type: "data-object";
  readonly data: unknown;
  readonly state: "streaming" | "done";
}

export type UIPart = TextPart | ReasoningPart | UIFilePart | UIToolPart | UIObjectPart;

export interface UIMessage {
  readonly id: string;
  readonly role: "user" | "assistant";
  readonly parts: UIPart[];
  readonly metadata: UIMetadata;
}

/** Makes UI messages of a thread's, and keeps those whose message did not change. */
export class UIMessages {
  #made = new Map<string, { readonly message: ChatMessage; readonly siblings: readonly string[]; readonly ui: UIMessage }>();
  #parts = new WeakMap<MessagePart, UIPart>();

  /** The messages with these ids, in this order. */
  of(thread: Thread, ids: readonly string[]): UIMessage[] {
    return ids.flatMap((id) => {
      const message = thread.messages[id];
      return message ? [this.#get(thread, message)] : [];
    });
  }

  #get(thread: Thread, message: ChatMessage): UIMessage {
    const siblings = thread.children[message.parent ?? ""] ?? [message.id];
    const made = this.#made.get(message.id);
    if (made && made.message === message && made.siblings === siblings) return made.ui;
    const { id, role, answer, parent, createdAt, status, error } = message;
    const branches = { index: Math.max(0, siblings.indexOf(id)), count: siblings.length, ids: siblings };
    const parts = made?.message.parts === message.parts ? made.ui.parts : message.parts.map((part) => this.#part(part));
    const ui: UIMessage = { id, role, parts, metadata: { answer, parent, createdAt, status, error, branches } };
    this.#made.set(id, { message, siblings, ui });
    return ui;
  }

  #part(part: MessagePart): UIPart {
    if (part.type === "text" || part.type === "reasoning") return part;
    const made = this.#parts.get(part) ?? uiPart(part);
    this.#parts.set(part, made);
    return made;
  }
}

/** A part as UIs of AI SDK know it. */
export function uiPart(part: MessagePart): UIPart {
  switch (part.type) {
    case "file": {
      const { filename, ...rest } = part;
      const url = part.url ?? `data:${part.mediaType};charset=utf-8,${encodeURIComponent(part.text ?? "")}`;
      return { ...rest, url, ...(filename === null ? {} : { filename }) };
    }
    case "dynamic-tool":
      return toolPart(part);
    case "data-object":
      return { type: "data-object", data: part.value, state: part.state };
    default:
      return part;
  }
}

function toolPart({ type, toolName, toolCallId, state, input, output, errorText, approvalId }: ToolPart): UIToolPart {
  const call = { type, toolName, toolCallId, input };
  switch (state) {
    case "approval-requested":
      return { ...call, state, approval: { id: approvalId ?? toolCallId } };
    case "output-available":
      return { ...call, state, output };
    case "output-error":
      return { ...call, state, errorText: errorText ?? "" };
    case "output-denied":
      return { ...call, state, approval: { id: approvalId ?? toolCallId, approved: false, ...(errorText ? { reason: errorText } : {}) } };
    default:
      return { ...call, state };
  }
}
