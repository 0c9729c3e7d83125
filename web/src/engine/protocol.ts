/** The protocol's messages (docs/protocol.md) and their validation: every incoming message is checked here, once. */

import { PageError, type ErrorBody } from "./errors.ts";
import { parseChatArgs, parseCountArgs, parseEmbedArgs, type ChatRequest, type CountRequest, type EmbedRequest } from "./options.ts";
import { Fields, isRecord, show } from "./fields.ts";
import {
  parseDeleteArgs,
  parseDownloadArgs,
  parseInspectArgs,
  parseJournalArgs,
  parsePickArgs,
  parseReadArgs,
  type DeleteRequest,
  type DownloadRequest,
  type JournalRequest,
  type PickRequest,
  type ReadRequest,
} from "./files/requests.ts";
import { parseValuesArgs, type ValuesRequest } from "./values.ts";

export const PROTOCOL_VERSION = 1;
/** Longest text accepted, in UTF-16 units: a message cannot have fewer bytes than units. */
export const MAX_MESSAGE_CHARS = 16 * 1024 * 1024;

/** `browser`: whatever the browser takes for its own model; it does not say on what that runs. */
export type Device = ComputeDevice | "browser";

/** Where a runtime of the page computes. */
export type ComputeDevice = "webgpu" | "wasm";

export interface LoadRequest {
  readonly model: string;
  readonly engine: string;
  readonly device: Device;
  /** What the engine needs to find the model; each engine reads its own fields. */
  readonly artifact: Readonly<Record<string, unknown>>;
}

export type Request =
  | { readonly op: "probe"; readonly refresh: boolean }
  | { readonly op: "load"; readonly args: LoadRequest }
  | { readonly op: "unload"; readonly model: string | null }
  | { readonly op: "chat"; readonly chat: ChatRequest }
  | { readonly op: "embed"; readonly embed: EmbedRequest }
  | { readonly op: "count_tokens"; readonly count: CountRequest }
  | { readonly op: "status" }
  | { readonly op: "read_file"; readonly args: ReadRequest }
  | { readonly op: "inspect_files"; readonly urls: readonly string[] }
  | { readonly op: "download"; readonly args: DownloadRequest }
  | { readonly op: "stored" }
  | { readonly op: "delete_files"; readonly args: DeleteRequest }
  | { readonly op: "journal"; readonly args: JournalRequest }
  | { readonly op: "persist" }
  | { readonly op: "pick_files"; readonly args: PickRequest }
  | { readonly op: "values"; readonly args: ValuesRequest };

export type Inbound =
  | { readonly kind: "request"; readonly id: number; readonly request: Request }
  | { readonly kind: "cancel"; readonly id: number };

export type Phase = "queued" | "downloading" | "verifying" | "loading" | "compiling" | "warming_up";

export type FileState = "waiting" | "downloading" | "verifying" | "retrying" | "done";

/** How far one file of a download is. */
export interface FileProgress {
  readonly url: string;
  readonly state: FileState;
  readonly loaded_bytes: number;
  readonly total_bytes: number | null;
  /** 1 for the first attempt; grows with every failure, also when a file starts again. */
  readonly attempt: number;
  /** How long until the next attempt; null unless it waits for one. */
  readonly retry_in_ms: number | null;
}

export interface Progress {
  readonly phase: Phase;
  readonly fraction: number | null;
  readonly text: string;
  readonly loaded_bytes: number | null;
  readonly total_bytes: number | null;
  readonly position?: number;
  /** Of a download: the files that changed since the last message. */
  readonly files?: readonly FileProgress[];
}

export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
  readonly top_logprobs: readonly { readonly token: string; readonly logprob: number; readonly bytes: readonly number[] | null }[];
}

export interface Chunk {
  readonly text: string;
  readonly tokens: number;
  readonly logprobs?: readonly TokenLogprob[];
  /** Of the first chunk: how the prompt ended, which may be in a thought. */
  readonly prompt_end?: string;
}

export type Outbound =
  | { readonly type: "hello"; readonly data: Readonly<Record<string, unknown>> }
  | { readonly id: number; readonly type: "progress"; readonly data: Progress }
  | { readonly id: number; readonly type: "chunk"; readonly data: Chunk }
  | { readonly id: number; readonly type: "result"; readonly data: unknown }
  | { readonly id: number | null; readonly type: "error"; readonly error: ErrorBody }
  | { readonly type: "event"; readonly name: string; readonly data: Readonly<Record<string, unknown>> };

export function encode(message: Outbound): string {
  return JSON.stringify({ v: PROTOCOL_VERSION, ...message });
}

/** A message that cannot be accepted: the error to answer with, and the id of the request, where it could be read. */
export interface Refusal {
  readonly kind: "refusal";
  readonly id: number | null;
  readonly error: PageError;
}

/** Read one inbound text; never throws. */
export function parse(text: unknown): Inbound | Refusal {
  let id: number | null = null;
  try {
    if (typeof text !== "string") throw protocolError(`a message must be text, not ${show(text)}`);
    if (text.length > MAX_MESSAGE_CHARS) {
      throw protocolError(`a message may have ${MAX_MESSAGE_CHARS} characters, not ${text.length}`);
    }
    const message = readJson(text);
    if (typeof message["id"] === "number" && Number.isSafeInteger(message["id"])) id = message["id"];
    if (message["v"] !== PROTOCOL_VERSION) {
      throw protocolError(`'v' must be ${PROTOCOL_VERSION}, the protocol's version, not ${show(message["v"])}`);
    }
    if (id === null || id < 0) throw protocolError(`'id' must be a whole number >= 0, not ${show(message["id"])}`);
    const op = message["op"];
    if (op === "cancel") return { kind: "cancel", id };
    const args = message["args"] ?? {};
    if (!isRecord(args)) throw protocolError(`'args' must be an object, not ${show(args)}`);
    return { kind: "request", id, request: readRequest(op, new Fields(args)) };
  } catch (error) {
    if (error instanceof PageError) return { kind: "refusal", id, error };
    throw error;
  }
}

function readJson(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw protocolError(`a message must be JSON, not ${show(text)}`, error);
  }
  if (!isRecord(value)) throw protocolError(`a message must be a JSON object, not ${show(value)}`);
  return value;
}

function readRequest(op: unknown, args: Fields): Request {
  switch (op) {
    case "probe":
      return { op, refresh: args.boolean("refresh") ?? false };
    case "load":
      return { op, args: readLoadRequest(args) };
    case "unload":
      return { op, model: args.text("model") ?? null };
    case "chat":
      return { op, chat: parseChatArgs(args) };
    case "embed":
      return { op, embed: parseEmbedArgs(args) };
    case "count_tokens":
      return { op, count: parseCountArgs(args) };
    case "status":
      return { op };
    case "read_file":
      return { op, args: parseReadArgs(args) };
    case "inspect_files":
      return { op, urls: parseInspectArgs(args) };
    case "download":
      return { op, args: parseDownloadArgs(args) };
    case "stored":
      return { op };
    case "delete_files":
      return { op, args: parseDeleteArgs(args) };
    case "journal":
      return { op, args: parseJournalArgs(args) };
    case "persist":
      return { op };
    case "pick_files":
      return { op, args: parsePickArgs(args) };
    case "values":
      return { op, args: parseValuesArgs(args) };
    default:
      throw protocolError(`'op' must be an operation of the protocol, not ${show(op)}`);
  }
}

function readLoadRequest(args: Fields): LoadRequest {
  return {
    model: args.requiredText("model"),
    engine: args.requiredText("engine"),
    device: args.oneOf("device", ["webgpu", "wasm", "browser"]),
    artifact: args.requiredRecord("artifact"),
  };
}

function protocolError(message: string, cause?: unknown): PageError {
  return new PageError("protocol", message, {}, cause);
}
