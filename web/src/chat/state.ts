/** Python's messages to the chat page, and the page's state. Python decides; the page draws. */

import { isRecord } from "../engine/fields.ts";

export type Status = "starting" | "loading" | "ready" | "answering" | "error";

export interface ChatProgress {
  readonly phase?: string;
  readonly fraction?: number | null;
  readonly text?: string;
}

export interface ChatError {
  readonly code?: string;
  readonly message: string;
  readonly remedy?: string | null;
}

export interface ChatState {
  readonly status: Status;
  readonly progress: ChatProgress | null;
  readonly engine: string | null;
  readonly device: string | null;
  readonly adapter: string | null;
  readonly model: string | null;
  readonly tokens_per_s: number | null;
  readonly first_token_ms: number | null;
  readonly error: ChatError | null;
  readonly notice: string | null;
}

export type FromApp =
  | { readonly type: "state"; readonly patch: Partial<ChatState> }
  | { readonly type: "message"; readonly id: string; readonly role: "user" | "assistant"; readonly text: string }
  | { readonly type: "append"; readonly id: string; readonly text: string }
  | { readonly type: "done"; readonly id: string; readonly finish_reason: string };

export const INITIAL: ChatState = {
  status: "starting",
  progress: { phase: "starting", fraction: null, text: "Starting Python" },
  engine: null,
  device: null,
  adapter: null,
  model: null,
  tokens_per_s: null,
  first_token_ms: null,
  error: null,
  notice: null,
};

/** The chips of the header: model, engine with device, adapter. */
export function chipsOf(state: ChatState): readonly string[] {
  const engine = state.engine === null ? null : (ENGINE_NAMES[state.engine] ?? state.engine);
  const device = state.device === null ? null : (DEVICE_NAMES[state.device] ?? state.device);
  const where = [engine, device].filter((part) => part !== null).join(" on ");
  return [state.model, where === "" ? null : where, state.adapter].filter((chip) => chip !== null && chip !== "") as string[];
}

const ENGINE_NAMES: Readonly<Record<string, string>> = { webllm: "WebLLM", transformersjs: "Transformers.js" };
const DEVICE_NAMES: Readonly<Record<string, string>> = { webgpu: "WebGPU", wasm: "the CPU" };

/** The last answer's speed as text. */
export function speedOf({ tokens_per_s, first_token_ms }: ChatState): string {
  const parts: string[] = [];
  if (tokens_per_s !== null && tokens_per_s > 0) parts.push(`${tokens_per_s.toFixed(1)} tokens/s`);
  if (first_token_ms !== null) parts.push(`first after ${(first_token_ms / 1000).toFixed(2)} s`);
  return parts.join(" · ");
}

export function readFromApp(text: string): FromApp {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || typeof value["type"] !== "string") throw new Error(`unknown message from the app: ${text.slice(0, 80)}`);
  return value as unknown as FromApp;
}
