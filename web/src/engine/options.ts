/** The arguments of a chat, an embedding and a token count, read from a message. */

import { invalid } from "./errors.ts";
import { Fields, isRecord, show, type JsonRecord } from "./fields.ts";
import type { Warning } from "./warning.ts";

export type Role = "system" | "user" | "assistant" | "tool";
const ROLES: readonly Role[] = ["system", "user", "assistant", "tool"];

export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/** An image by its address: `data:` with the bytes, or http(s), which the page fetches (images.ts). */
export interface ImagePart {
  readonly type: "image";
  readonly url: string;
}

export type Part = TextPart | ImagePart;

export interface TextMessage {
  readonly role: Role;
  readonly content: string;
}

export interface Message {
  readonly role: Role;
  /** Parts come from role "user" alone. */
  readonly content: string | readonly Part[];
}

/** Sampling and output options; what is absent is the engine's own default. */
export interface ChatOptions {
  readonly max_tokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly frequency_penalty?: number | undefined;
  readonly presence_penalty?: number | undefined;
  readonly logit_bias?: ReadonlyMap<number, number> | undefined;
  readonly logprobs?: boolean | undefined;
  readonly top_logprobs?: number | undefined;
  readonly response_format?: JsonRecord | undefined;
  /** Whether the model thinks before it answers, where its chat template has a switch for that; Python knows for which models. */
  readonly thinking?: boolean | undefined;
}

export type OptionName = keyof ChatOptions;

/** Which options an engine or a model honours: `true`, or the largest value it honours. It does not honour the others. */
export type HonouredOptions = Readonly<Partial<Record<OptionName, number | boolean>>>;

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly options: ChatOptions;
  /** Arguments that are not options of this protocol: each becomes a warning in the result. */
  readonly unknown: readonly string[];
}

export interface EmbedRequest {
  readonly model: string;
  readonly input: readonly string[];
}

export interface CountRequest {
  readonly model: string;
  readonly content: CountedContent;
}

/** `thinking` is the option of a chat, which changes what the template makes of the messages. */
export type CountedContent = { readonly messages: readonly Message[]; readonly thinking?: boolean | undefined } | { readonly text: string };

const OPTION_NAMES = [
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop",
  "seed",
  "frequency_penalty",
  "presence_penalty",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "response_format",
  "thinking",
] as const;

/** Fails to compile if `OPTION_NAMES` lacks an option of `ChatOptions`. */
true satisfies Exclude<OptionName, (typeof OPTION_NAMES)[number]> extends never ? true : false;

/** An engine names the options that it honours one by one, so that a new option is reported until the engine has it. */
export function honoured(...names: readonly OptionName[]): HonouredOptions {
  return Object.fromEntries(names.map((name) => [name, true]));
}

/** Split a chat's options into those that its model honours and a warning for each of the others. */
export function splitOptions(options: ChatOptions, taken: HonouredOptions, engine: string): { options: ChatOptions; warnings: readonly Warning[] } {
  const kept: Partial<Record<OptionName, unknown>> = { ...options };
  const warnings: Warning[] = [];
  for (const parameter of OPTION_NAMES) {
    const value = options[parameter];
    const most = taken[parameter] ?? false;
    if (value === undefined || (value === false && parameter === "logprobs")) continue;
    if (most === false) {
      kept[parameter] = undefined;
      warnings.push({ parameter, message: `engine '${engine}' does not support ${parameter} with this model; it was ignored` });
    } else if (typeof most === "number" && typeof value === "number" && value > most) {
      kept[parameter] = most;
      warnings.push({ parameter, message: `engine '${engine}' supports at most ${most}, which was used instead of ${value}` });
    }
  }
  return { options: kept as ChatOptions, warnings };
}

const MAX_STOPS = 64;
const MAX_PARTS = 256;
const IMAGE_URL = /^(?:https?:\/\/[^/?#]|data:image\/(?:png|jpeg|webp|gif);base64,)/;

export function parseChatArgs(args: Fields): ChatRequest {
  return {
    model: args.requiredText("model"),
    messages: readMessages(args),
    options: {
      max_tokens: args.integer("max_tokens", 1),
      temperature: args.number("temperature", 0, 100),
      top_p: readTopP(args),
      top_k: args.integer("top_k", 1),
      stop: readStops(args),
      seed: args.integer("seed", 0),
      frequency_penalty: args.number("frequency_penalty", -2, 2),
      presence_penalty: args.number("presence_penalty", -2, 2),
      logit_bias: readLogitBias(args),
      logprobs: args.boolean("logprobs"),
      top_logprobs: args.integer("top_logprobs", 0, 20),
      response_format: args.record("response_format"),
      thinking: args.boolean("thinking"),
    },
    unknown: args.namesOtherThan(["model", "messages", ...OPTION_NAMES]),
  };
}

export function parseEmbedArgs(args: Fields): EmbedRequest {
  const input = args.array("input");
  if (input === undefined || input.length === 0 || !input.every((text) => typeof text === "string")) {
    throw args.wrong("input", "a list of texts that is not empty", args.get("input"));
  }
  return { model: args.requiredText("model"), input };
}

export function parseCountArgs(args: Fields): CountRequest {
  const model = args.requiredText("model");
  const text = args.text("text");
  if (text === undefined) return { model, content: { messages: readMessages(args), thinking: args.boolean("thinking") } };
  if (args.get("messages") !== undefined) throw invalid("text", "give 'messages' or 'text', not both");
  return { model, content: { text } };
}

function readMessages(args: Fields): readonly Message[] {
  const values = args.array("messages");
  if (values === undefined || values.length === 0) {
    throw args.wrong("messages", "a list that is not empty", args.get("messages"));
  }
  return values.map((value, index) => {
    const where = `messages[${index}]`;
    if (!isRecord(value)) throw invalid(where, `'${where}' must be an object, not ${show(value)}`);
    const role = ROLES.find((candidate) => candidate === value["role"]);
    if (role === undefined) {
      throw invalid(`${where}.role`, `'${where}.role' must be one of ${ROLES.join(", ")}, not ${show(value["role"])}`);
    }
    const content = value["content"];
    if (typeof content === "string") return { role, content };
    if (role !== "user" || !Array.isArray(content)) {
      const expected = role === "user" ? "text or a list of parts" : `text from role ${role}`;
      throw invalid(`${where}.content`, `'${where}.content' must be ${expected}, not ${show(content)}`);
    }
    if (content.length === 0 || content.length > MAX_PARTS) {
      throw invalid(`${where}.content`, `'${where}.content' must have 1 to ${MAX_PARTS} parts, not ${content.length}`);
    }
    return { role, content: content.map((part, position) => readPart(part, `${where}.content[${position}]`)) };
  });
}

function readPart(value: unknown, where: string): Part {
  if (!isRecord(value)) throw invalid(where, `'${where}' must be an object, not ${show(value)}`);
  const { type, text, url } = value;
  if (type === "text" && typeof text === "string") return { type, text };
  if (type === "text") throw invalid(`${where}.text`, `'${where}.text' must be text, not ${show(text)}`);
  if (type !== "image") throw invalid(`${where}.type`, `'${where}.type' must be text or image, not ${show(type)}`);
  if (typeof url === "string" && IMAGE_URL.test(url)) return { type, url };
  const expected = "http(s)://... or data:image/png;base64,... (or jpeg, webp, gif)";
  throw invalid(`${where}.url`, `'${where}.url' must be ${expected}, not ${show(url)}`);
}

function readTopP(args: Fields): number | undefined {
  const value = args.number("top_p", 0, 1);
  if (value === 0) throw args.wrong("top_p", "a number above 0 and at most 1", value);
  return value;
}

function readStops(args: Fields): readonly string[] | undefined {
  const values = args.array("stop");
  if (values === undefined) return undefined;
  const texts = values.filter((value) => typeof value === "string" && value !== "");
  if (texts.length !== values.length || values.length > MAX_STOPS) {
    throw args.wrong("stop", `a list of at most ${MAX_STOPS} texts that are not empty`, values);
  }
  return texts as readonly string[];
}

function readLogitBias(args: Fields): ReadonlyMap<number, number> | undefined {
  const record = args.record("logit_bias");
  if (record === undefined) return undefined;
  return new Map(
    Object.entries(record).map(([key, value]) => {
      const where = `logit_bias[${show(key)}]`;
      if (!/^\d+$/.test(key)) throw invalid("logit_bias", `the keys of 'logit_bias' must be token ids, not ${show(key)}`);
      if (typeof value !== "number" || !(value >= -100 && value <= 100)) {
        throw invalid("logit_bias", `'${where}' must be a number between -100 and 100, not ${show(value)}`);
      }
      return [Number(key), value];
    }),
  );
}
