/** AmplifierWeb: an agent of Amplifier whose Python, model and tools are in this page. */

import type { AgentAnswer, AgentEvent } from "@browserllm/react/actions";
import { baseOf, serviceFor, type Service } from "../widget/service.ts";
import { AnswerStream } from "./answer_stream.ts";
import { amplifierError, AmplifierError } from "./errors.ts";
import { defaultModel, loadFirst } from "./loading.ts";
import { isWebGPUSupported, keepForOffline } from "./support.ts";
import { checkTool, declared, runTool, type Tool, type ToolFunction } from "./tools.ts";

/** The stages of `init`. `packages` and `session` go on while the `model` loads. */
export type Stage = "pyodide" | "packages" | "model" | "session" | "ready";

export interface Progress {
  readonly stage: Stage;
  readonly text: string;
  /** How far this stage is, 0..1; `null` if it is not known. */
  readonly fraction: number | null;
}

/** A tool call that the user has to allow. */
export interface ApprovalRequest {
  readonly prompt: string;
  readonly options: readonly string[];
  readonly tool: string | null;
  readonly arguments: Readonly<Record<string, unknown>> | null;
  /** Aborted when the question is taken back: the agent was cancelled, or the time is over. */
  readonly signal: AbortSignal;
}

export interface Options {
  /** The address of the site's folder; by default that of this file. */
  readonly base?: string | undefined;
  /** Who answers: the id of a model, or `cloud:ID`. By default the app's choice, at first the model that comes with the site. */
  readonly model?: string | undefined;
  /** Who answers where the one before cannot, in this order. */
  readonly fallback?: readonly string[] | undefined;
  readonly systemPrompt?: string | undefined;
  /** Built-in tools: `todo_list` (also `todo`), `storage`, `web_fetch`, `clock`, `calculator`. */
  readonly builtinTools?: readonly string[] | undefined;
  /** Tools of this page; `registerTool` adds more. */
  readonly tools?: readonly Tool[] | undefined;
  /** Names of tools that the user has to allow each time, or `"*"` for all. By default those that send something off the device. */
  readonly ask?: readonly string[] | undefined;
  /** Ask the user: true, false, or one of the options. Without it, what needs an approval is refused. */
  readonly onApproval?: ((request: ApprovalRequest) => boolean | string | Promise<boolean | string>) | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Everything that the agent does: texts, thoughts, tool calls and their results. */
  readonly onEvent?: ((event: AgentEvent) => void) | undefined;
  readonly temperature?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly seed?: number | undefined;
  readonly thinking?: boolean | undefined;
  /** Keep every request on this device. */
  readonly private?: boolean | undefined;
  /** How often one prompt may ask the model. */
  readonly maxIterations?: number | undefined;
  /** The id and the messages of an earlier session, to go on with it. */
  readonly sessionId?: string | undefined;
  readonly history?: readonly Message[] | undefined;
  /** Keep what this visit uses, so that the next one works offline. */
  readonly offline?: boolean | undefined;
}

/** A message of the session, as Amplifier has it. */
export type Message = Readonly<Record<string, unknown>> & { readonly role?: string; readonly content?: unknown };

export interface ExecuteOptions {
  /** Called with each piece of the answer's text. */
  readonly onText?: ((text: string) => void) | undefined;
  /** What has come since the last tool call is void: another model begins anew. */
  readonly onRestart?: (() => void) | undefined;
  /** Aborting it cancels the agent at once. */
  readonly signal?: AbortSignal | undefined;
}

const SYNONYMS: Readonly<Record<string, string>> = { todo: "todo_list", fetch: "web_fetch" };

export class AmplifierWeb {
  readonly #options: Options;
  readonly #base: string;
  readonly #service: Service;
  readonly #tools = new Map<string, Tool>();
  readonly #questions = new Map<string, AbortController>();
  #systemPrompt: string | undefined;
  #agent: string | null = null;
  #model: string | null = null;
  #names: readonly string[];
  #answer: AgentAnswer | null = null;
  #starting: Promise<void> | null = null;
  #running: Promise<unknown> | null = null;
  #disposed = false;

  /** Nothing is fetched and nothing starts before `init`. */
  constructor(options: Options = {}) {
    this.#options = options;
    this.#base = baseOf(options.base ?? new URL(/* @vite-ignore */ "./", import.meta.url).href);
    this.#service = serviceFor(this.#base);
    this.#systemPrompt = options.systemPrompt;
    this.#names = (options.builtinTools ?? []).map((name) => SYNONYMS[name] ?? name);
    for (const tool of options.tools ?? []) this.#tools.set(tool.name, checkTool(tool));
  }

  /** Whether this browser has WebGPU and an adapter. */
  static readonly isWebGPUSupported = isWebGPUSupported;
  readonly isWebGPUSupported = isWebGPUSupported;

  /** Whether prompts can be given. */
  get isReady(): boolean {
    return this.#agent !== null;
  }

  /** Whether a prompt is being answered. */
  get isExecuting(): boolean {
    return this.#running !== null;
  }

  get sessionId(): string | null {
    return this.#agent;
  }

  /** The model of this device that `init` has loaded; `null` before, and where a cloud is to answer. */
  get model(): string | null {
    return this.#model;
  }

  /** What the last answer took. */
  get lastAnswer(): AgentAnswer | null {
    return this.#answer;
  }

  /** Start Python, load the model and open the session, at the same time where that is possible. A second call waits for the first. */
  init(): Promise<void> {
    if (this.#disposed) return Promise.reject(disposed());
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null; // it may be tried again
      throw amplifierError(error);
    });
    return this.#starting;
  }

  /** Answer a prompt; resolves with the answer's text. */
  execute(prompt: string, options: ExecuteOptions = {}): Promise<string> {
    const abort = (): void => { void this.cancel(); };
    const work = async (): Promise<string> => {
      const { signal } = options;
      if (signal?.aborted) throw new AmplifierError("cancelled", "the call was cancelled", { cause: signal.reason });
      signal?.addEventListener("abort", abort, { once: true });
      try {
        return await this.#execute(prompt, options);
      } catch (error) {
        throw amplifierError(error);
      } finally {
        signal?.removeEventListener("abort", abort);
        this.#running = null;
        for (const question of this.#questions.values()) question.abort();
        this.#questions.clear();
      }
    };
    if (this.#running) return Promise.reject(new AmplifierError("busy", "the agent answers another prompt; wait for its end, or cancel it"));
    const running = work();
    this.#running = running;
    return running;
  }

  /** Answer a prompt piece by piece: read the stream with `for await`, or give a function and await it for the text. */
  executeStreaming(prompt: string, options: ExecuteOptions | ((text: string) => void) = {}): AnswerStream {
    const given = typeof options === "function" ? { onText: options } : options;
    const begin = (push: (text: string) => void): Promise<string> =>
      this.execute(prompt, {
        ...given,
        onText: (text) => {
          given.onText?.(text);
          push(text);
        },
      });
    return new AnswerStream(begin, () => this.cancel());
  }

  /**
   * Stop the answer in progress; `execute` rejects with the code `cancelled`. The model stops at once. Running tools are not waited for,
   * unless `graceful` is set. Resolves when the agent has stopped.
   */
  async cancel({ graceful = false }: { readonly graceful?: boolean } = {}): Promise<void> {
    const running = this.#running;
    if (!running || this.#agent === null) return;
    await this.#service.call("agent.cancel", { agent: this.#agent, immediate: !graceful });
    await running.catch(() => undefined);
  }

  async setSystemPrompt(text: string): Promise<void> {
    this.#systemPrompt = text;
    if (this.#agent !== null) await this.#call(() => this.#service.call("agent.change", { agent: this.#ready(), system: text }));
  }

  /** The messages of the session. */
  async getHistory(): Promise<readonly Message[]> {
    return this.#call(() => this.#service.call("agent.history", { agent: this.#ready() }));
  }

  /** Forget the messages; the system prompt stays. */
  async clearHistory(): Promise<void> {
    await this.#call(() => this.#service.call("agent.change", { agent: this.#ready(), clear: true }));
  }

  /** Add a tool, before or after `init`; one of the same name is replaced. */
  async registerTool(tool: Tool): Promise<void>;
  async registerTool(name: string, description: string, schema: Readonly<Record<string, unknown>>, execute: ToolFunction): Promise<void>;
  async registerTool(given: Tool | string, description = "", schema?: Readonly<Record<string, unknown>>, execute?: ToolFunction): Promise<void> {
    const tool = checkTool(typeof given === "string" ? { name: given, description, schema, execute: execute as ToolFunction } : given);
    this.#tools.set(tool.name, tool);
    const agent = this.#agent;
    if (agent !== null) this.#names = await this.#call(() => this.#service.call("agent.change", { agent, pageTool: declared(tool) }));
  }

  /** The names of the tools: built-in ones first. */
  getToolNames(): readonly string[] {
    return [...new Set([...this.#names, ...this.#tools.keys()])];
  }

  /** End the session. The model and Python stay, since other parts of the page may use them. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#starting?.catch(() => undefined);
    const agent = this.#agent;
    if (agent === null) return;
    await this.cancel().catch(() => undefined);
    this.#agent = null;
    await this.#service.call("agent.close", { agent }).catch(() => undefined);
  }

  async #start(): Promise<void> {
    const { model, fallback = [], ask, temperature, maxTokens, seed, thinking, maxIterations, sessionId, history } = this.#options;
    const service = this.#service;
    const tell = (stage: Stage, text: string, fraction: number | null): void => { this.#options.onProgress?.({ stage, text, fraction }); };
    const watchBoot = service.connection.subscribe(() => {
      const { boot } = service.connection.getStatus();
      if (boot) tell("pyodide", boot.text, boot.fraction);
    });
    try {
      await service.start();
    } finally {
      watchBoot();
    }
    tell("pyodide", "Python is ready", 1);
    const settings = {
      ...(model === undefined ? {} : { model }),
      ...(this.#systemPrompt === undefined ? {} : { system: this.#systemPrompt }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(seed === undefined ? {} : { seed }),
      ...(thinking === undefined ? {} : { thinking }),
      private: this.#options.private ?? false,
      tools: this.#names,
    };
    const onEvent = ({ type, name }: AgentEvent): void => {
      if (type === "stage") tell(name === "packages" ? "packages" : "session", name === "packages" ? "Loading packages" : "Opening the session", null);
    };
    const opened = service.call(
      "agent.open",
      {
        settings,
        fallback,
        pageTools: [...this.#tools.values()].map(declared),
        ...(ask === undefined ? {} : { ask }),
        ...(maxIterations === undefined ? {} : { maxIterations }),
        ...(sessionId === undefined ? {} : { id: sessionId }),
        ...(history === undefined ? {} : { messages: history }),
      },
      { onEvent },
    );
    const chain = [model ?? defaultModel(service), ...fallback];
    const loaded = loadFirst(service, chain, (name, text, fraction) => { tell("model", `${name}: ${text}`, fraction); });
    const [agent] = await Promise.allSettled([opened, loaded]);
    if (agent.status === "rejected") throw agent.reason;
    try {
      this.#model = await loaded;
    } catch (error) {
      await service.call("agent.close", { agent: agent.value.id });
      throw error;
    }
    if (this.#disposed) {
      await service.call("agent.close", { agent: agent.value.id });
      throw disposed();
    }
    this.#agent = agent.value.id;
    this.#names = agent.value.tools;
    // Without a connection there is no session: Python had it.
    service.client.onClose(() => { this.#lost(); });
    if (this.#options.offline) void keepForOffline(this.#base);
    tell("ready", "Ready", 1);
  }

  async #execute(prompt: string, { onText, onRestart }: ExecuteOptions): Promise<string> {
    const agent = this.#ready();
    const onEvent = (event: AgentEvent): void => {
      this.#options.onEvent?.(event);
      if (event.type === "text") onText?.(event.text);
      else if (event.type === "restart") onRestart?.();
      else if (event.type === "page-tool" || event.type === "approval") void this.#replyTo(agent, event);
      else if (event.type === "question-withdrawn" && event.id !== null) this.#questions.get(event.id)?.abort();
    };
    this.#answer = await this.#service.call("agent.execute", { agent, prompt }, { onEvent });
    if (this.#options.offline) void keepForOffline(this.#base);
    return this.#answer.text;
  }

  /** Run a tool of the page, or ask the user; the answer goes back to the agent. */
  async #replyTo(agent: string, event: AgentEvent): Promise<void> {
    const id = event.id ?? "";
    const abort = new AbortController();
    this.#questions.set(id, abort);
    const reply =
      event.type === "page-tool"
        ? await runTool(this.#tools.get(event.name ?? ""), event.arguments ?? {}, { signal: abort.signal })
        : { value: await this.#askUser(event, abort.signal) };
    this.#questions.delete(id);
    // One that was taken back meanwhile is not waited for any more.
    if (!abort.signal.aborted) await this.#service.call("agent.reply", { agent, id, ...reply }).catch(() => undefined);
  }

  async #askUser(event: AgentEvent, signal: AbortSignal): Promise<string> {
    const { text: prompt, options, name: tool, arguments: args } = event;
    const [allow = "Allow", deny = "Deny"] = [options.find((option) => /^allow/i.test(option)), options.find((option) => /^deny/i.test(option))];
    try {
      const answer = await this.#options.onApproval?.({ prompt, options, tool, arguments: args, signal });
      return typeof answer === "string" ? answer : answer ? allow : deny;
    } catch (error) {
      console.error(error);
      return deny;
    }
  }

  #ready(): string {
    if (this.#disposed) throw disposed();
    if (this.#agent === null) throw new AmplifierError("not_ready", "the agent is not ready; await init() first");
    return this.#agent;
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw amplifierError(error);
    }
  }

  #lost(): void {
    this.#agent = null;
    this.#starting = null;
  }
}

function disposed(): AmplifierError {
  return new AmplifierError("disposed", "the agent was disposed; create a new one");
}
