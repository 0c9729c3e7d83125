/** AmplifierWeb: an agent of Amplifier whose Python, model and tools are in this page. */

import type { AgentAnswer, AgentEvent, AgentInfo } from "@browserllm/react/actions";
import { baseOf, serviceFor, type Service } from "../widget/service.ts";
import { AnswerStream } from "./answer_stream.ts";
import { amplifierError, AmplifierError } from "./errors.ts";
import { defaultModel, loadFirst } from "./loading.ts";
import { tell } from "./callbacks.ts";
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
  /** The id of the call: that of the event `tool-call` before. */
  readonly callId: string | null;
  readonly tool: string | null;
  readonly arguments: Readonly<Record<string, unknown>> | null;
  /** Aborted when the question is taken back: the agent was cancelled, or the time is over. */
  readonly signal: AbortSignal;
}

export interface Options {
  /** The address of the site's folder; by default that of this file. */
  readonly base?: string | undefined;
  /** Who answers, and no other: the id of a model, or `cloud:ID`. By default the app's choice, at first the model that comes with the site. */
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
  /** The handle of this opening of the session, and the session's id. */
  #agent: string | null = null;
  #session: string | null = null;
  #model: string | null = null;
  readonly #builtin: readonly string[];
  #names: readonly string[];
  #answer: AgentAnswer | null = null;
  #starting: Promise<void> | null = null;
  #running: Promise<unknown> | null = null;
  #unwatch: (() => void) | null = null;
  /** Aborted by `dispose`. */
  readonly #end = new AbortController();

  /** Nothing is fetched and nothing starts before `init`. */
  constructor(options: Options = {}) {
    this.#options = options;
    this.#base = baseOf(options.base ?? new URL(/* @vite-ignore */ "./", import.meta.url).href);
    this.#service = serviceFor(this.#base);
    this.#systemPrompt = options.systemPrompt;
    this.#builtin = (options.builtinTools ?? []).map((name) => SYNONYMS[name] ?? name);
    this.#names = this.#builtin;
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
    return this.#session;
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
    if (this.#end.signal.aborted) return Promise.reject(disposed());
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null; // it may be tried again
      throw this.#end.signal.aborted ? disposed() : amplifierError(error);
    });
    return this.#starting;
  }

  /** Answer a prompt; resolves with the answer's text. */
  execute(prompt: string, options: ExecuteOptions = {}): Promise<string> {
    const { signal } = options;
    const abort = (): void => { this.cancel().catch(() => undefined); };
    const work = async (): Promise<string> => {
      signal?.addEventListener("abort", abort, { once: true });
      try {
        return await this.#execute(prompt, options);
      } catch (error) {
        throw this.#failure(error);
      } finally {
        signal?.removeEventListener("abort", abort);
        this.#running = null;
        for (const question of this.#questions.values()) question.abort();
        this.#questions.clear();
      }
    };
    if (this.#running) return Promise.reject(busy());
    if (signal?.aborted) return Promise.reject(new AmplifierError("cancelled", "the call was cancelled", { cause: signal.reason }));
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
          push(text);
          given.onText?.(text);
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
    const agent = this.#agent;
    await this.#call(() => this.#service.call("agent.cancel", { agent, immediate: !graceful }));
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

  /** Forget the messages; the system prompt stays. While a prompt is answered, it rejects with the code `busy`. */
  async clearHistory(): Promise<void> {
    if (this.#running) throw busy();
    await this.#call(() => this.#service.call("agent.change", { agent: this.#ready(), clear: true }));
  }

  /** Add a tool, before or after `init`; one of the same name is replaced. */
  async registerTool(tool: Tool): Promise<void>;
  async registerTool(name: string, description: string, schema: Readonly<Record<string, unknown>>, execute: ToolFunction): Promise<void>;
  async registerTool(given: Tool | string, description = "", schema?: Readonly<Record<string, unknown>>, execute?: ToolFunction): Promise<void> {
    const tool = checkTool(typeof given === "string" ? { name: given, description, schema, execute: execute as ToolFunction } : given);
    const before = this.#tools.get(tool.name);
    this.#tools.set(tool.name, tool);
    // Before the session is open it is kept for then.
    if (this.#agent === null) return;
    try {
      await this.#addTools(this.#agent, [tool]);
    } catch (error) {
      if (before) this.#tools.set(tool.name, before);
      else this.#tools.delete(tool.name);
      throw error;
    }
  }

  /** The names of the tools: built-in ones first. */
  getToolNames(): readonly string[] {
    return [...new Set([...this.#names, ...this.#tools.keys()])];
  }

  /**
   * Keep what this visit has used so far, so that the next one works without a network; the option `offline` does it after `init` and after
   * each prompt. Resolves with whether it is kept: only a page in the site's folder can.
   */
  keepForOffline(): Promise<boolean> {
    return keepForOffline(this.#base);
  }

  /** End the session. The model and Python stay, since other parts of the page may use them. */
  async dispose(): Promise<void> {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    await this.#starting?.catch(() => undefined);
    const agent = this.#agent;
    if (agent === null) return;
    await this.cancel().catch(() => undefined);
    this.#lost();
    await this.#service.call("agent.close", { agent }).catch(() => undefined);
  }

  async #start(): Promise<void> {
    const { model, fallback = [] } = this.#options;
    const { signal } = this.#end;
    const service = this.#service;
    const show = (stage: Stage, text: string, fraction: number | null): void => {
      if (!signal.aborted) tell(this.#options.onProgress, { stage, text, fraction });
    };
    const watchBoot = service.connection.subscribe(() => {
      const { boot } = service.connection.getStatus();
      if (boot) show("pyodide", boot.text, boot.fraction);
    });
    try {
      await service.start(signal);
    } finally {
      watchBoot();
    }
    show("pyodide", "Python is ready", 1);
    const given = { tools: [...this.#tools.values()], system: this.#systemPrompt };
    const opened = this.#open(given.tools, (name) => { show(name === "packages" ? name : "session", name === "packages" ? "Loading packages" : "Opening the session", null); });
    const chain = [model ?? defaultModel(service), ...fallback];
    const loading = new AbortController();
    const stopLoading = (): void => { loading.abort(); };
    signal.addEventListener("abort", stopLoading, { once: true });
    opened.catch(stopLoading);
    const loaded = loadFirst(service, chain, (name, text, fraction) => { show("model", `${name}: ${text}`, fraction); }, loading.signal);
    const [session] = await Promise.allSettled([opened, loaded]);
    signal.removeEventListener("abort", stopLoading);
    if (session.status === "rejected") throw session.reason;
    const { id, handle: agent } = session.value;
    try {
      const first = await loaded;
      this.#model = first.model;
      // What could not be loaded is not tried again for each prompt.
      if (first.passed > 0) await service.call("agent.change", { agent, model: chain[first.passed] ?? null, fallback: chain.slice(first.passed + 1) });
      // What was changed meanwhile.
      const added = [...this.#tools.values()].filter((tool) => !given.tools.includes(tool));
      this.#names = session.value.tools;
      if (added.length > 0) await this.#addTools(agent, added);
      if (this.#systemPrompt !== given.system) await service.call("agent.change", { agent, system: this.#systemPrompt ?? "" });
      signal.throwIfAborted();
    } catch (error) {
      await service.call("agent.close", { agent }).catch(() => undefined);
      throw error;
    }
    this.#agent = agent;
    this.#session = id;
    // Without a connection there is no session: Python had it.
    this.#unwatch = service.client.onClose(() => { this.#lost(); });
    if (this.#options.offline) void this.keepForOffline();
    show("ready", "Ready", 1);
  }

  /** Open the session; it answers with the model and those of the fallback. */
  #open(tools: readonly Tool[], onStage: (name: string | null) => void): Promise<AgentInfo> {
    const { model, fallback = [], ask, temperature, maxTokens, seed, thinking, maxIterations, sessionId, history } = this.#options;
    const settings = {
      ...(model === undefined ? {} : { model }),
      ...(this.#systemPrompt === undefined ? {} : { system: this.#systemPrompt }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(seed === undefined ? {} : { seed }),
      ...(thinking === undefined ? {} : { thinking }),
      private: this.#options.private ?? false,
      tools: this.#builtin,
    };
    return this.#service.call(
      "agent.open",
      {
        settings,
        fallback,
        pageTools: tools.map(declared),
        ...(ask === undefined ? {} : { ask }),
        ...(maxIterations === undefined ? {} : { maxIterations }),
        ...(sessionId === undefined ? {} : { id: sessionId }),
        ...(history === undefined ? {} : { messages: history }),
      },
      { onEvent: ({ type, name }) => { if (type === "stage") onStage(name); } },
    );
  }

  async #addTools(agent: string, tools: readonly Tool[]): Promise<void> {
    for (const tool of tools) this.#names = await this.#call(() => this.#service.call("agent.change", { agent, pageTool: declared(tool) }));
  }

  async #execute(prompt: string, { onText, onRestart }: ExecuteOptions): Promise<string> {
    const agent = this.#ready();
    const onEvent = (event: AgentEvent): void => {
      tell(this.#options.onEvent, event);
      if (event.type === "text") tell(onText, event.text);
      else if (event.type === "restart") tell(onRestart, undefined);
      else if (event.type === "page-tool" || event.type === "approval") void this.#replyTo(agent, event);
      else if (event.type === "question-withdrawn" && event.id !== null) this.#questions.get(event.id)?.abort();
    };
    this.#answer = await this.#service.call("agent.execute", { agent, prompt }, { onEvent });
    if (this.#options.offline) void this.keepForOffline();
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
    if (abort.signal.aborted) return;
    const send = (said: typeof reply | { readonly error: string }): Promise<unknown> => this.#service.call("agent.reply", { agent, id, ...said });
    try {
      await send(reply);
    } catch (error) {
      // Such as a result that is nested too deeply. Whether there is still a session to tell is another matter.
      await send({ error: `the result could not be sent: ${amplifierError(error).message}` }).catch(() => undefined);
    }
  }

  async #askUser(event: AgentEvent, signal: AbortSignal): Promise<string> {
    const { text: prompt, options, callId, name: tool, arguments: args } = event;
    const [allow = "Allow", deny = "Deny"] = [options.find((option) => /^allow/i.test(option)), options.find((option) => /^deny/i.test(option))];
    try {
      const answer = await this.#options.onApproval?.({ prompt, options, callId, tool, arguments: args, signal });
      return typeof answer === "string" ? answer : answer ? allow : deny;
    } catch (error) {
      console.error(error);
      return deny;
    }
  }

  #ready(): string {
    if (this.#end.signal.aborted) throw disposed();
    if (this.#agent === null) throw new AmplifierError("not_ready", "the agent is not ready", { suggestion: "Await init() first." });
    return this.#agent;
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** What is thrown, as the page's error. An agent whose session was opened again elsewhere is not ready any more. */
  #failure(thrown: unknown): AmplifierError {
    const error = amplifierError(thrown);
    if (this.#agent === null || error.code !== "invalid_request" || error.data.parameter !== "agent") return error;
    this.#lost();
    return new AmplifierError("not_ready", "the session was opened again elsewhere, or ended", {
      suggestion: "Await init() to take it back, or use the agent that has it now.",
      cause: thrown,
    });
  }

  #lost(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#agent = null;
    this.#session = null;
    this.#starting = null;
  }
}

function disposed(): AmplifierError {
  return new AmplifierError("disposed", "the agent was disposed", { suggestion: "Create a new one." });
}

function busy(): AmplifierError {
  return new AmplifierError("busy", "the agent answers another prompt", { suggestion: "Wait for its end, or cancel it." });
}
