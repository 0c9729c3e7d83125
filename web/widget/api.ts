/** LocalLLM: the widget's services as functions, for the scripts of the same page. */

import type { ConversationSettingsInput, Generated, GenerateEvent, UserPart } from "@browserllm/react/actions";
import type { AppClient } from "@browserllm/react/client";
import { BrowserLLMError } from "@browserllm/react/errors";
import type { AnswerInfo, HopInfo, Model, Settings } from "@browserllm/react/state";
import { findModel, loadedModel } from "./models.ts";
import type { Service } from "./service.ts";
import { memoryOf, progressOf, statusOf, type WidgetProgress, type WidgetStatus } from "./status.ts";
import { TEXTS } from "./texts.ts";

/** Who may answer: this device alone, clouds alone, or as the app's settings rank them. */
export type Mode = Settings["mode"];

const MODES: readonly Mode[] = ["local", "cloud", "auto"];

export interface Message {
  readonly role: "system" | "user" | "assistant";
  /** Text, or text and files. */
  readonly content: string | readonly UserPart[];
}

/** What a request carries besides its messages; `model` is the id of a model, or `cloud:ID`. */
export interface ChatOptions extends Omit<ConversationSettingsInput, "preset"> {
  /** Called with each piece of the answer's text. */
  readonly onToken?: ((text: string) => void) | undefined;
  /** Called with each piece of what the model thinks first, for models that do. */
  readonly onReasoning?: ((text: string) => void) | undefined;
  /** Another backend begins the answer anew: what has arrived so far does not count. */
  readonly onRestart?: ((reason: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadOptions {
  readonly onProgress?: ((progress: WidgetProgress) => void) | undefined;
  /** Aborting gives up; the load goes on if a widget or another call uses it. */
  readonly signal?: AbortSignal | undefined;
}

export interface InitOptions extends LoadOptions {
  /** The model to load; by default the app's choice, at first the small one that comes with the site. */
  readonly model?: string | undefined;
}

export interface ModeOptions {
  /** Turn off the setting "never leave this device", if it is on. Only with the user's consent. */
  readonly allowCloud?: boolean | undefined;
}

export interface RuntimeInfo {
  readonly version: string;
  /** Where Python runs: in the page, in a process that serves it, or behind a notebook. */
  readonly python: "page" | "process" | "notebook";
  readonly model: string | null;
  readonly engine: string | null;
  readonly device: string | null;
  readonly adapter: string | null;
  readonly contextWindow: number | null;
  readonly memoryBytes: number | null;
  readonly browser: string | null;
  readonly gpu: string | null;
  readonly cores: number | null;
  readonly memoryGb: number | null;
  readonly online: boolean;
  readonly engines: readonly { readonly name: string; readonly available: boolean; readonly reason: string | null }[];
}

export interface ModeChange {
  readonly mode: Mode;
  readonly previous: Mode;
}

export interface Fallback {
  /** The backend that was passed over, and why. */
  readonly from: HopInfo;
  /** Who answered instead. */
  readonly to: { readonly backend: string; readonly model: string | null; readonly where: "local" | "cloud" };
  readonly reason: string;
  /** All backends that were passed over, in order. */
  readonly hops: readonly HopInfo[];
  readonly answer: AnswerInfo;
}

/**
 * The services of a page. Everything but `getStatus` starts the app if it must, and is a promise that rejects with a
 * `BrowserLLMError`.
 *
 * Events, here and on `document`: `hybrid-llm:mode-changed` (`ModeChange`), `hybrid-llm:fallback` (`Fallback`).
 */
export class LocalLLM extends EventTarget {
  readonly #service: Service;
  #mode: Mode | null = null;

  constructor(service: Service) {
    super();
    this.#service = service;
    service.subscribe(() => { this.#watchMode(); });
  }

  /** The client of the app, for everything that has no function here. It waits until the app is started. */
  get client(): AppClient {
    return this.#service.client;
  }

  /** Start the app and load a model; returns the status. */
  readonly init = async (options: InitOptions = {}): Promise<WidgetStatus> => {
    await this.#service.start(options.signal);
    const wanted = options.model ?? (loadedModel(this.#service.state) ? undefined : this.#defaultModel());
    if (wanted !== undefined) await this.switchModel(wanted, options);
    return this.getStatus();
  };

  /** Answer messages; the last one is the user's. Cancel by `signal`. */
  readonly chat = async (messages: readonly Message[], options: ChatOptions = {}): Promise<Generated> => {
    checkMessages(messages);
    const { onToken, onReasoning, onRestart, signal, ...given } = options;
    const service = this.#service;
    const request = async (): Promise<Generated> => {
      await service.start(signal);
      const settings = { ...given, ...this.#model(given.model) };
      const onEvent = ({ type, text }: GenerateEvent): void => {
        if (type === "text") onToken?.(text);
        else if (type === "reasoning") onReasoning?.(text);
        else if (type === "restart") onRestart?.(text);
      };
      return service.call("generate", { messages: messages.map(plain), settings }, { signal, onEvent });
    };
    const answer = await service.answer(request());
    this.#tellFallback(answer.answer);
    return answer;
  };

  /** Answer one prompt. */
  readonly complete = (prompt: string, options: ChatOptions = {}): Promise<Generated> => this.chat([{ role: "user", content: prompt }], options);

  /** Free the memory of the model; a load in progress is cancelled. */
  readonly unload = (): Promise<void> => this.#service.unload();

  /** Load another model, downloading it first if it must be; resolves when it answers. */
  readonly switchModel = async (model: string, { onProgress, signal }: LoadOptions = {}): Promise<void> => {
    const service = this.#service;
    const stop = service.subscribe(() => {
      const progress = service.loading === model ? progressOf(service) : null;
      if (progress) onProgress?.(progress);
    });
    try {
      await service.load(model, signal);
    } finally {
      stop();
    }
  };

  /** The models of the catalog that answer messages, with their sizes and how they fit this device. */
  readonly getAvailableModels = async (): Promise<readonly Model[]> => {
    await this.#service.call("models.refresh", {});
    return Object.values(this.#service.state.models).filter(({ type }) => type === "chat");
  };

  /** What is known now; starts nothing. */
  readonly getStatus = (): WidgetStatus => statusOf(this.#service, { texts: TEXTS, language: navigator.language });

  /** What runs where. */
  readonly getRuntimeInfo = async (): Promise<RuntimeInfo> => {
    await this.#service.start();
    const { state } = this.#service;
    const { version, python, device, engines } = state;
    const loaded = loadedModel(state);
    return {
      version,
      python,
      model: loaded?.model ?? null,
      engine: loaded?.engine ?? null,
      device: loaded?.device ?? null,
      adapter: loaded?.adapter ?? null,
      contextWindow: loaded?.contextWindow ?? null,
      memoryBytes: memoryOf(state)?.bytes ?? null,
      browser: device?.browser ?? null,
      gpu: device?.gpu?.name ?? null,
      cores: device?.cores ?? null,
      memoryGb: device?.memoryGb ?? null,
      online: device?.online ?? navigator.onLine,
      engines: engines.map(({ name, available, reason }) => ({ name, available, reason })),
    };
  };

  /** Say who may answer from now on; the setting is kept. Rejects if the user's privacy setting forbids it. */
  readonly setMode = async (mode: Mode, { allowCloud = false }: ModeOptions = {}): Promise<void> => {
    if (!MODES.includes(mode)) throw refused("mode", `the mode '${mode}' does not exist`, `Use ${MODES.join(", ")}.`);
    await this.#service.start();
    if (mode !== "local" && this.#service.state.settings.neverLeaveDevice && !allowCloud) throw refused("mode", `the mode cannot be '${mode}' while the setting “never leave this device” is on`, "Ask the user, then call setMode with { allowCloud: true }.", "This stays on your device");
    await this.#service.call("settings.update", { changes: { mode, ...(mode !== "local" && allowCloud ? { neverLeaveDevice: false } : {}) } });
  };

  /** Who may answer. `local` also while the setting "never leave this device" is on. */
  readonly getMode = async (): Promise<Mode> => {
    await this.#service.start();
    return modeOf(this.#service.state.settings);
  };

  /** Whether a model of this device can answer: an engine runs here, and has a model that fits. */
  readonly isLocalAvailable = async (): Promise<boolean> => {
    await this.#service.start();
    const { engines, models } = this.#service.state;
    return engines.some(({ available }) => available) && Object.values(models).some(({ type, fit }) => type === "chat" && fit !== "no");
  };

  #defaultModel(): string {
    const { settings, models } = this.#service.state;
    const known = settings.model === null ? undefined : models[settings.model];
    return known?.downloaded ? known.id : (Object.values(models).find(({ bundled }) => bundled)?.id ?? "pocket");
  }

  /** The model that the page has chosen, except where a policy is to choose. */
  #model(given: string | null | undefined): { readonly model?: string } {
    if (given) return { model: given };
    const { state, wanted } = this.#service;
    const chosen = loadedModel(state)?.model ?? (wanted === null ? null : (findModel(state, wanted)?.id ?? wanted));
    const { policy } = state.settings;
    return chosen !== null && (modeOf(state.settings) === "local" || policy === "local_first") ? { model: chosen } : {};
  }

  #watchMode(): void {
    if (this.#service.connection.getStatus().status !== "ready" || this.#service.state.status !== "ready") return;
    const mode = modeOf(this.#service.state.settings);
    const previous = this.#mode;
    this.#mode = mode;
    if (previous !== null && previous !== mode) this.#dispatch("hybrid-llm:mode-changed", { mode, previous } satisfies ModeChange);
  }

  #tellFallback(answer: AnswerInfo): void {
    const { settings } = this.#service.state;
    const hops = passedOver(answer, settings);
    const from = hops[0];
    if (!from) return;
    const { backend, model, where } = answer;
    this.#dispatch("hybrid-llm:fallback", { from, to: { backend, model, where }, reason: from.reason, hops, answer } satisfies Fallback);
  }

  #dispatch(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
    document.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Who may answer, privacy considered. */
function modeOf({ mode, neverLeaveDevice }: Settings): Mode {
  return neverLeaveDevice ? "local" : mode;
}

/** The backends that were to answer first, but did not. Those that the settings leave out anyway do not count. */
function passedOver({ hops, backend: answered }: AnswerInfo, settings: Settings): HopInfo[] {
  const mode = modeOf(settings);
  const first = mode === "auto" ? ({ local_first: "local", cloud_first: "cloud" } as Record<string, string>)[settings.policy] : mode;
  return hops.filter(({ backend }) => backend !== null && backend !== answered && (first === undefined || first === (backend === "local" ? "local" : "cloud")));
}

function plain({ role, content }: Message): { readonly role: Message["role"]; readonly parts: readonly UserPart[] } {
  return { role, parts: typeof content === "string" ? [{ type: "text", text: content }] : content };
}

/** Scripts without types may give anything. */
function checkMessages(messages: unknown): void {
  const isMessage = (one: Partial<Message> | null): boolean => one?.role !== undefined && one.content !== undefined;
  if (!Array.isArray(messages) || !messages.every(isMessage)) throw refused("messages", "chat() takes an array of { role, content }", "For one prompt, call complete(prompt).");
}

function refused(parameter: string, message: string, remedy: string, title = "That did not work"): BrowserLLMError {
  return new BrowserLLMError({ code: "invalid_request", title, message, remedy, actions: [], data: { parameter } });
}
