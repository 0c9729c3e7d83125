/**
 * A `LanguageModel` that follows a script, for tests: its interface is that of the published IDL (idl.d.ts), and so are its rules as
 * far as pages meet them: roles, aborts, sizes, ended sessions. It counts a word as a token, and adds one to each message.
 *
 * tests/browser puts the same class into a page, so it uses nothing from outside itself.
 */

import type {
  Availability,
  CreateMonitor,
  DownloadProgressEvent,
  LanguageModel,
  LanguageModelCreateCoreOptions,
  LanguageModelCreateOptions,
  LanguageModelMessage,
  LanguageModelParams,
  LanguageModelPrompt,
  LanguageModelPromptOptions,
} from "../../web/src/engine/promptapi/idl.d.ts";

export interface Script {
  availability: Availability;
  /** Given in extensions alone. */
  params: LanguageModelParams | null;
  window: number;
  /** The words of the next answers; `HANG` waits for an abort. A schema is answered with JSON. */
  answers: string[];
  /** Whether sessions drop old messages, instead of refusing a prompt. */
  drops: boolean;
  /** What was asked, in order. */
  asked: unknown[];
  live: number;
}

export class ScriptedLanguageModel extends EventTarget implements LanguageModel {
  static readonly HANG = "HANG";
  static readonly script: Script = { availability: "available", params: null, window: 100, answers: [], drops: false, asked: [], live: 0 };

  readonly #messages: LanguageModelMessage[];
  #ended = false;

  private constructor(messages: readonly LanguageModelMessage[]) {
    super();
    this.#messages = [...messages];
    ScriptedLanguageModel.script.live += 1;
  }

  static availability(options?: LanguageModelCreateCoreOptions): Promise<Availability> {
    checkTypes(options);
    return Promise.resolve(ScriptedLanguageModel.script.availability);
  }

  static params(): Promise<LanguageModelParams | null> {
    return Promise.resolve(ScriptedLanguageModel.script.params);
  }

  static async create(options: LanguageModelCreateOptions = {}): Promise<LanguageModel> {
    const { script } = ScriptedLanguageModel;
    const { initialPrompts = [], signal, monitor, topK, temperature } = options;
    script.asked.push({ create: initialPrompts.map(({ role, content }) => `${role}: ${textOf(content)}`), ...(topK === undefined ? {} : { topK, temperature }) });
    checkTypes(options);
    signal?.throwIfAborted();
    if (script.availability === "unavailable") throw new DOMException("the device is too small", "NotSupportedError");
    if ((topK === undefined) !== (temperature === undefined)) throw new DOMException("give both", "NotSupportedError");
    if (initialPrompts.some(({ role }, index) => role === "system" && index > 0)) throw new TypeError("a system prompt must come first");
    const target = new EventTarget() as CreateMonitor;
    monitor?.(target);
    for (const loaded of script.availability === "available" ? [0, 1] : [0, 0.5, 1]) {
      const event = Object.assign(new Event("downloadprogress"), { loaded, total: 1 });
      target.dispatchEvent(event satisfies DownloadProgressEvent);
      await new Promise((resolve) => { setTimeout(resolve); });
      signal?.throwIfAborted();
    }
    script.availability = "available";
    return new ScriptedLanguageModel(initialPrompts);
  }

  get contextWindow(): number {
    return ScriptedLanguageModel.script.window;
  }

  get contextUsage(): number {
    return count(this.#messages);
  }

  async measureContextUsage(input: LanguageModelPrompt, { signal }: LanguageModelPromptOptions = {}): Promise<number> {
    await Promise.resolve();
    signal?.throwIfAborted();
    return count(this.#check(input));
  }

  async prompt(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): Promise<string> {
    const pieces: string[] = [];
    for await (const piece of this.promptStreaming(input, options)) pieces.push(piece);
    return pieces.join("");
  }

  promptStreaming(input: LanguageModelPrompt, { signal, responseConstraint }: LanguageModelPromptOptions = {}): ReadableStream<string> {
    const { script } = ScriptedLanguageModel;
    script.asked.push({ prompt: typeof input === "string" ? input : input.map(({ role, content, prefix }) => `${role}${prefix === true ? "+" : ""}: ${textOf(content)}`), ...(responseConstraint === undefined ? {} : { responseConstraint }) });
    let messages: readonly LanguageModelMessage[] = [];
    let left: string[] = [];
    const said: string[] = [];
    return new ReadableStream<string>({
      start: () => {
        messages = this.#check(input);
        signal?.throwIfAborted();
        const requested = this.contextUsage + count(messages);
        if (requested > this.contextWindow) {
          if (!script.drops) throw Object.assign(new DOMException("too large", "QuotaExceededError"), { requested, quota: this.contextWindow });
          this.#messages.shift();
          this.dispatchEvent(new Event("contextoverflow"));
        }
        left = responseConstraint === undefined ? (script.answers.shift() ?? "Hello from the browser .").split(/(?<= )/) : ['{"city":', '"Oslo"}'];
      },
      pull: async (controller) => {
        const word = left.shift();
        if (word === undefined) {
          this.#messages.push(...messages, { role: "assistant", content: said.join("") });
          controller.close();
          return;
        }
        await new Promise<void>((resolve, reject) => {
          const abort = (): void => { reject(new DOMException("stopped", "AbortError")); };
          if (signal?.aborted === true) abort();
          signal?.addEventListener("abort", abort, { once: true });
          if (word !== ScriptedLanguageModel.HANG) setTimeout(resolve);
        });
        said.push(word);
        controller.enqueue(word);
      },
    });
  }

  append(input: LanguageModelPrompt): Promise<undefined> {
    this.#messages.push(...this.#check(input));
    return Promise.resolve(undefined);
  }

  clone(): Promise<LanguageModel> {
    return Promise.resolve(new ScriptedLanguageModel(this.#messages));
  }

  destroy(): void {
    if (!this.#ended) ScriptedLanguageModel.script.live -= 1;
    this.#ended = true;
  }

  #check(input: LanguageModelPrompt): readonly LanguageModelMessage[] {
    if (this.#ended) throw new DOMException("the session was destroyed", "InvalidStateError");
    const messages: readonly LanguageModelMessage[] = typeof input === "string" ? [{ role: "user", content: input }] : input;
    if (messages.some(({ role }) => role === "system")) throw new DOMException("no system prompt here", "NotSupportedError");
    if (messages.some(({ prefix }, index) => prefix === true && index < messages.length - 1)) throw new DOMException("a prefix is the last message", "SyntaxError");
    return messages;
  }
}

function count(messages: readonly LanguageModelMessage[]): number {
  return messages.reduce((sum, { content }) => sum + 1 + textOf(content).split(/\s+/).filter((word) => word !== "").length, 0);
}

function textOf(content: LanguageModelMessage["content"]): string {
  return typeof content === "string" ? content : content.map(({ value }) => String(value)).join("");
}

function checkTypes({ expectedInputs = [], expectedOutputs = [] }: LanguageModelCreateCoreOptions = {}): void {
  if ([...expectedInputs, ...expectedOutputs].some(({ type }) => type !== "text")) throw new DOMException("texts alone", "NotSupportedError");
}
