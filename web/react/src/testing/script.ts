/** The answers of a scripted app: as texts or in detail, cut into the pieces in which they arrive. */

import type { AnswerInfo, ErrorInfo, MessagePart } from "../state.ts";
import { make } from "./make.ts";

/** An answer: its text, or in detail. It arrives word by word unless `chunks` says how. */
export type ScriptedAnswer = string | ScriptedDetails;

export interface ScriptedDetails {
  readonly reasoning?: string;
  /** A tool call before the text; with `approval` it waits for the user's decision. */
  readonly tool?: { readonly name: string; readonly input: Readonly<Record<string, unknown>>; readonly output?: unknown; readonly approval?: boolean };
  readonly text?: string;
  readonly chunks?: readonly string[];
  /** Structured output. */
  readonly object?: unknown;
  /** Fails with this error after what came before. */
  readonly error?: Partial<ErrorInfo>;
  readonly info?: Partial<AnswerInfo>;
}

/** What arrives at one moment. */
export type Piece =
  | { readonly kind: "text" | "reasoning"; readonly text: string }
  | { readonly kind: "object"; readonly value: unknown; readonly done: boolean }
  | { readonly kind: "tool"; readonly tool: NonNullable<ScriptedDetails["tool"]> };

export function details(answer: ScriptedAnswer): ScriptedDetails {
  return typeof answer === "string" ? { text: answer } : answer;
}

/** The pieces of an answer, in order. */
export function pieces({ reasoning, tool, text, chunks, object }: ScriptedDetails): Piece[] {
  return [
    ...words(reasoning ?? "").map((word): Piece => ({ kind: "reasoning", text: word })),
    ...(tool ? [{ kind: "tool", tool } as const] : []),
    ...(chunks ?? words(text ?? "")).map((word): Piece => ({ kind: "text", text: word })),
    ...(object === undefined ? [] : growing(object)),
  ];
}

function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [];
}

/** An object arrives key by key. */
function growing(value: unknown): Piece[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ kind: "object", value, done: true }];
  const entries = Object.entries(value);
  return entries.map((_, index) => ({
    kind: "object",
    value: Object.fromEntries(entries.slice(0, index + 1)),
    done: index === entries.length - 1,
  }));
}

/** The parts of a message after a piece has arrived. A tool call is not added here: it has states of its own. */
export function arrived(parts: readonly MessagePart[], piece: Exclude<Piece, { kind: "tool" }>): MessagePart[] {
  if (piece.kind === "object") {
    const part = make("ObjectPart", { value: piece.value, state: piece.done ? "done" : "streaming" });
    return [...parts.filter(({ type }) => type !== "data-object"), part];
  }
  const last = parts.at(-1);
  if (last?.type === piece.kind && last.state === "streaming") return [...parts.slice(0, -1), { ...last, text: last.text + piece.text }];
  return [...finished(parts), { type: piece.kind, text: piece.text, state: "streaming" }];
}

/** The parts when nothing more arrives. */
export function finished(parts: readonly MessagePart[]): MessagePart[] {
  return parts.map((part) => ("state" in part && part.state === "streaming" ? { ...part, state: "done" } : part));
}

/** An error as the app sends it. */
export function errorInfo(error: Partial<ErrorInfo>): ErrorInfo {
  return make("ErrorInfo", { code: "internal", title: "That did not work", message: "the script says so", ...error });
}
