/**
 * Compared with web-llm's own code: the conversation that it builds from a request, for every template that MLC ships.
 * conversation_templates.json is what mlc-llm 79d603f registers (python/mlc_llm/conversation_template, Apache-2.0).
 */

import { readFileSync } from "node:fs";
import { MLCEngine, type ChatCompletionRequest } from "@mlc-ai/web-llm";
import { describe, expect, it } from "vitest";
import { isRecord, type JsonRecord } from "../../web/src/engine/fields.ts";
import type { TextMessage as Message } from "../../web/src/engine/options.ts";
import { readInternals } from "../../web/src/patches/web-llm/internals.ts";
import { answerHeader, endOpenedThoughts, renderPrompt } from "../../web/src/patches/web-llm/template.ts";

const read = (path: string): JsonRecord => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as JsonRecord;
const record = (value: unknown): JsonRecord => {
  if (!isRecord(value)) throw new TypeError("not an object");
  return value;
};
const templates: JsonRecord = {
  ...read("conversation_templates.json"),
  pocket: read("../../models/pocket/dist/mlc-chat-config.json")["conv_template"],
};
const names = Object.keys(templates);

/** The parts of web-llm's pipeline that its engine uses for a prompt. */
interface Conversation {
  appendMessage(role: string, content: unknown): void;
  appendReplyHeader(role: string): void;
  appendEmptyThinkingReplyHeader(role: string, block: string): void;
  finishReply(text: string): void;
  getPromptArray(): readonly string[];
  getPromptArrayLastRound(): readonly string[];
}

/** The real engine and the real conversation, over a pipeline that keeps the prompts it would feed. */
class Loaded {
  readonly engine = new MLCEngine({ appConfig: { model_list: [] } });
  readonly config: JsonRecord;
  /** Called before each chat. */
  before: () => void = () => undefined;
  /** How the last prompt ended, as our layer reads it. */
  promptEnd: string | null = null;
  #conversation: Conversation | null = null;
  #filled = false;

  constructor(template: JsonRecord) {
    this.config = { conv_template: template };
    Reflect.set(this.engine, "loadedModelIdToChatConfig", new Map([["m", this.config]]));
    Reflect.set(this.engine, "loadedModelIdToPipeline", new Map([["m", this]]));
  }

  get conversation(): unknown {
    return this.#conversation;
  }
  getConversationObject(): unknown {
    return this.#conversation ?? { messages: [] };
  }
  setConversation(conversation: Conversation): void {
    this.#conversation = conversation;
  }
  getFinishReason(): string {
    return "stop";
  }
  resetChat(): void {
    this.#filled = false;
  }

  /** The text that a chat feeds before it answers `answer`: the whole prompt, or its last round. */
  chat(messages: readonly Message[], answer: string, emptyThoughts?: string): { fed: string; reused: boolean } {
    this.before();
    const prepare = Reflect.get(this.engine, "preparePrefillInput") as (...args: readonly unknown[]) => JsonRecord;
    const request = { messages } as unknown as ChatCompletionRequest;
    const { inputStr, lastMsgRole } = Reflect.apply(prepare, this.engine, [request, this, this.config]);
    const reused = this.#filled;
    const conversation = this.#conversation;
    if (conversation === null) throw new Error("the engine set no conversation");
    conversation.appendMessage(String(lastMsgRole), inputStr);
    if (emptyThoughts === undefined) conversation.appendReplyHeader("assistant");
    else conversation.appendEmptyThinkingReplyHeader("assistant", emptyThoughts);
    const parts = reused ? conversation.getPromptArrayLastRound() : conversation.getPromptArray();
    this.promptEnd = readInternals(this.engine, "m").promptEnd();
    expect(parts.filter((part) => typeof part !== "string")).toEqual([]);
    conversation.finishReply(answer);
    this.#filled = true;
    return { fed: parts.join(""), reused };
  }
}

function guarded(template: JsonRecord, thinking?: () => boolean | undefined): Loaded {
  const loaded = new Loaded(template);
  const internals = readInternals(loaded.engine, "m");
  internals.takeTextsLiterally();
  internals.endAnswers();
  loaded.before = () => { internals.think(thinking?.()); };
  return loaded;
}

const HOSTILE = "a $& b $$ c $` d $' e $1 f $<x> {user_message} {function_string} {tool_message} $";

/** A conversation with a different text in each place. */
function conversation(template: JsonRecord, text: (place: string) => string): readonly Message[] {
  const tool: readonly Message[] = "tool" in record(template["roles"]) ? [{ role: "tool", content: text("T") }] : [];
  return [
    { role: "system", content: text("S") },
    { role: "user", content: text("U") },
    { role: "assistant", content: text("A") },
    ...tool,
    { role: "user", content: text("V") },
  ];
}

describe("web-llm's conversation", () => {
  it.each(names)("of the template %s has every text as the caller wrote it", (name) => {
    const template = record(templates[name]);
    // The library's output for harmless texts, with the tested texts put in their places.
    const harmless = new Loaded(template).chat(conversation(template, (place) => `<<${place}>>`), "").fed;
    const expected = harmless.replaceAll("{function_string}", "").replaceAll(/<<[SUATV]>>/g, () => HOSTILE);
    const messages = conversation(template, () => HOSTILE);
    expect(guarded(template).chat(messages, "").fed).toBe(expected);
    expect(renderPrompt(template, messages).join("")).toBe(expected);
  });

  it.each(names)("of the template %s continues in the KV cache", (name) => {
    const loaded = guarded(record(templates[name]));
    const messages: Message[] = [{ role: "system", content: HOSTILE }, { role: "user", content: HOSTILE }];
    expect(loaded.chat(messages, HOSTILE).reused).toBe(false);
    messages.push({ role: "assistant", content: HOSTILE }, { role: "user", content: HOSTILE });
    const { fed, reused } = loaded.chat(messages, "");
    expect(reused).toBe(true);
    expect(fed).toContain(HOSTILE);
    messages[3] = { role: "user", content: "something else" };
    messages.push({ role: "assistant", content: "" }, { role: "user", content: "x" });
    expect(loaded.chat(messages, "").reused).toBe(false);
  });

  it.each(names)("of the template %s feeds the same text turn by turn as at once", (name) => {
    const template = record(templates[name]);
    const loaded = guarded(template);
    const messages: Message[] = [{ role: "system", content: "S" }, { role: "user", content: "U" }];
    let fed = loaded.chat(messages, "<<A>>").fed;
    for (const content of ["V", "W"]) {
      messages.push({ role: "assistant", content: "<<A>>" }, { role: "user", content });
      fed += "<<A>>" + loaded.chat(messages, "<<A>>").fed;
    }
    // Some templates write other characters before a past answer than before the next one.
    const before = (separator: string): string => `${String(record(template["roles"])["assistant"])}${String(template[separator])}<<A>>`;
    const whole = guarded(template).chat(messages, "").fed;
    expect(fed).toBe(whole.replaceAll(before("role_content_sep"), () => before("role_empty_sep")));
  });

  it.each(names)("of the template %s reports how its prompt ends", (name) => {
    const template = record(templates[name]);
    const loaded = guarded(template);
    const messages = [{ role: "system", content: "S" }, { role: "user", content: "U" }] as const;
    const { fed } = loaded.chat(messages, "");
    expect(loaded.promptEnd).not.toBeNull();
    expect(fed.endsWith(loaded.promptEnd ?? "?")).toBe(true);
    expect(/<think>\s*$/.test(loaded.promptEnd ?? "")).toBe(name === "qwen3_5");
  });

  it.each(names)("of the template %s rebuilds the KV cache if a thought is not sent again", (name) => {
    const template = record(templates[name]);
    const loaded = guarded(template);
    const asked: Message[] = [{ role: "system", content: "S" }, { role: "user", content: "U" }];
    loaded.chat(asked, "<think>\nHm.\n</think>\n\nHello");
    const history: Message[] = [...asked, { role: "assistant", content: "Hello" }, { role: "user", content: "V" }];
    const next = endOpenedThoughts(template, history);
    const { fed, reused } = loaded.chat(next, "");
    expect(reused).toBe(false);
    expect(fed).toBe(guarded(template).chat(next, "").fed);
    expect(fed).not.toContain("Hm.");
  });

  it.each(["chatml", "qwen3", "qwen3_5", "qwen3_5_nothink"])("of the template %s continues if a thought is sent again unchanged", (name) => {
    const template = record(templates[name]);
    const loaded = guarded(template);
    const messages: Message[] = [{ role: "system", content: "S" }, { role: "user", content: "U" }];
    const opened = name === "qwen3_5" ? "" : "<think>\n"; // its prompt ends with it
    loaded.chat(messages, `${opened}Hm.\n</think>\n\n<tool_call>`);
    messages.push({ role: "assistant", content: "<think>\nHm.\n</think>\n\n<tool_call>" }, { role: "user", content: "<tool_response>" });
    expect(loaded.chat(endOpenedThoughts(template, messages), "").reused).toBe(true);
  });

  it("of a template that opens a thought before each answer closes it if the answer has none", () => {
    const template = record(templates["qwen3_5"]);
    const messages: readonly Message[] = [
      { role: "user", content: "U" },
      { role: "assistant", content: "Hello </thinker>" },
      { role: "user", content: "V" },
    ];
    const { fed } = guarded(template).chat(endOpenedThoughts(template, messages), "");
    expect(fed).toContain("<|im_start|>assistant\n<think>\n\n</think>\n\nHello </thinker><|im_end|>");
    expect(renderPrompt(template, endOpenedThoughts(template, messages)).join("")).toBe(fed);
    for (const name of names.filter((other) => other !== "qwen3_5")) expect(endOpenedThoughts(record(templates[name]), messages)).toBe(messages);
    expect(endOpenedThoughts(null, messages)).toBe(messages);
  });

  it("has a template's own system message unchanged", () => {
    const template = { ...record(templates["chatml"]), system_message: HOSTILE };
    expect(guarded(template).chat([{ role: "user", content: "x" }], "").fed).toContain(`system\n${HOSTILE}<|im_end|>`);
  });

  it("inserts a model record's overrides literally, too", () => {
    const loaded = new Loaded(record(templates["chatml"]));
    Reflect.set(loaded.config, "conv_config", { system_template: "[{system_message}]", role_templates: { user: "({user_message})" } });
    readInternals(loaded.engine, "m").takeTextsLiterally();
    const { fed } = loaded.chat([{ role: "system", content: "$&" }, { role: "user", content: "$'" }], "");
    expect(fed).toMatch(/^\[\$&\].*\n\(\$'\)<\|im_end\|>/);
  });
});

const EMPTY = "<think>\n\n</think>\n\n";

describe("thinking on web-llm", () => {
  const asked: readonly Message[] = [{ role: "user", content: "U" }];
  /** The text before an answer in each of MLC's templates for Qwen. */
  const HEADERS = {
    qwen3: { plain: "<|im_start|>assistant\n", on: "<|im_start|>assistant\n" },
    qwen3_5: { plain: "<|im_start|>assistant\n<think>\n", on: "<|im_start|>assistant\n<think>\n" },
    qwen3_5_nothink: { plain: `<|im_start|>assistant\n${EMPTY}`, on: "<|im_start|>assistant\n<think>\n" },
  };

  it.each(Object.entries(HEADERS))("is written before the answer in the template %s, as in Qwen's own templates", (name, { plain, on }) => {
    const template = record(templates[name]);
    const ends = { plain: undefined, on: true, off: false };
    const expected = { plain, on, off: `<|im_start|>assistant\n${EMPTY}` };
    for (const [key, thinking] of Object.entries(ends)) {
      const { fed } = guarded(template, () => thinking).chat(asked, "");
      expect(fed.slice(fed.lastIndexOf("<|im_start|>"))).toBe(expected[key as keyof typeof expected]);
      expect(renderPrompt(template, asked, thinking).join("")).toBe(fed);
    }
  });

  it("is left out if it was not requested or the template does not support it", () => {
    for (const name of names) {
      const template = record(templates[name]);
      expect(guarded(template, () => undefined).chat(asked, "").fed).toBe(guarded(template).chat(asked, "").fed);
    }
  });

  it("puts the empty thoughts where the library's own switch puts them", () => {
    const template = record(templates["qwen3"]);
    const theirs = new Loaded(template).chat(asked, "", EMPTY).fed;
    expect(guarded(template, () => false).chat(asked, "").fed).toBe(theirs);
  });

  it("may change from turn to turn, and the KV cache is reused", () => {
    const template = record(templates["qwen3"]);
    let thinking: boolean | undefined;
    const loaded = guarded(template, () => thinking);
    const messages: Message[] = [...asked];
    for (const [turn, wanted] of [false, true, undefined, false].entries()) {
      thinking = wanted;
      const { fed, reused } = loaded.chat(messages, `A${turn}`);
      expect(reused).toBe(turn > 0);
      expect(fed.endsWith(answerHeader(template, wanted))).toBe(true);
      expect(fed.includes("<think>")).toBe(wanted === false);
      messages.push({ role: "assistant", content: `A${turn}` }, { role: "user", content: `U${turn}` });
    }
  });

  it("leaves a thinking mark in a message unchanged", () => {
    const template = record(templates["qwen3"]);
    const messages: readonly Message[] = [{ role: "user", content: "what is <think>\n" }];
    expect(guarded(template, () => true).chat(messages, "").fed).toBe(guarded(template).chat(messages, "").fed);
  });
});
