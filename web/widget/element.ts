/** `<local-llm-widget>`: shows the page's model, and lets people load, switch and free it. */

import { LocalLLM } from "./api.ts";
import { chosenModel, controlsOf, type Control, type Hands } from "./controls.ts";
import { Newsroom, type News, type WidgetEvents } from "./events.ts";
import { findModel, loadedModel, modelName, unknownModel } from "./models.ts";
import { baseOf, serviceFor, type Service } from "./service.ts";
import { badgesOf, progressOf, progressText, statsOf, statusOf, timesText, told, type WidgetState, type WidgetStatus, type Words } from "./status.ts";
import { type WidgetLanguage, widgetLanguages } from "./languages.ts";
import type { WidgetTexts } from "./texts.ts";
import { WidgetView } from "./view.ts";

/** How often the widget looks at what has no event: how long a load takes, how long ago an answer was. */
const REFRESH_MS: Readonly<Record<WidgetState, number | null>> = { loading: 500, active: 5000, idle: 5000, disabled: null, error: null };

/** The folder of this very file, where the site is. */
const HERE = new URL("./", import.meta.url).href;

const apis = new WeakMap<Service, LocalLLM>();

/** The JavaScript API of a site: the same object for all who name the same folder. */
export function localLLM(base: string = HERE): LocalLLM {
  const service = serviceFor(baseOf(base));
  const api = apis.get(service) ?? new LocalLLM(service);
  apis.set(service, api);
  return api;
}

// On a server the file can be imported, though there are no elements.
const Base = (globalThis as { HTMLElement?: typeof HTMLElement }).HTMLElement ?? (Object as unknown as typeof HTMLElement);

/** A widget that is in the document: what ends when it leaves. */
interface Attached {
  readonly service: Service;
  readonly news: Newsroom;
  readonly leave: () => void;
}

/**
 * Shows a language model that runs on this device, and lets people load, switch and free it. All widgets of a page and its
 * JavaScript API share one connection and one model.
 *
 * @tag local-llm-widget
 * @tagname local-llm-widget
 *
 * @attr {string} src - The folder of the site that `browserllm build` wrote, such as `/llm/`. By default that of the widget's script.
 * @attr {string} model - The model to load: its id, in any letter case, or the first words of it. By default the small one that comes with the site.
 * @attr {boolean} auto-load - Load the model as soon as the element is in the document. Without it nothing is fetched until the user presses Start.
 *
 * @fires {CustomEvent<{model: string | null}>} local-llm:loading - A model begins to load; `null` while the app starts.
 * @fires {CustomEvent<WidgetProgress>} local-llm:progress - How far it is: fraction, bytes, speed, seconds left.
 * @fires {CustomEvent<{model: string, engine: string, device: string}>} local-llm:ready - A model is in memory, and answers.
 * @fires {CustomEvent<{model: string}>} local-llm:unloaded - A model's memory was freed.
 * @fires {CustomEvent<{error: ErrorInfo}>} local-llm:error - Something failed; `error.remedy` says what to do.
 *
 * @cssprop [--local-llm-background] - Background of the box.
 * @cssprop [--local-llm-color] - Colour of text.
 * @cssprop [--local-llm-quiet-color] - Colour of text that matters less.
 * @cssprop [--local-llm-border-color] - Colour of lines.
 * @cssprop [--local-llm-accent] - Colour of the bar, of focus and of the main button.
 * @cssprop [--local-llm-on-accent] - Colour of text on the main button.
 * @cssprop [--local-llm-control-background] - Background of the other buttons and of the switcher.
 * @cssprop [--local-llm-radius=12px] - Radius of the box.
 * @cssprop [--local-llm-bar-height=6px] - Height of the progress bar.
 * @cssprop [--local-llm-font] - Font families.
 *
 * @csspart box - All of it.
 * @csspart head - The line with the dot, the model's name and the state.
 * @csspart dot - The coloured dot.
 * @csspart name - The model's name.
 * @csspart state - The state, in a word.
 * @csspart badges - The row of badges.
 * @csspart badge - A badge; `badge-engine` and `badge-device` are the two of them.
 * @csspart message - What is going on.
 * @csspart bar - The progress bar.
 * @csspart progress - The line under the bar.
 * @csspart error - The error panel; `error-title`, `error-message` and `error-remedy` are in it.
 * @csspart stats - The figures; each is a `stat` with `stat-name` and `stat-value`.
 * @csspart times - When it was last used.
 * @csspart note - Why there is no GPU.
 * @csspart controls - The row of controls.
 * @csspart select - The model switcher.
 * @csspart button - A button; `main` is the most likely one, and each has `button-` with its id.
 *
 * @cssState disabled - No model is in memory.
 * @cssState loading - The app starts, or a model loads.
 * @cssState active - The model answers.
 * @cssState idle - The model waits for a question.
 * @cssState error - Something failed.
 */
export class LocalLLMWidget extends Base {
  static readonly observedAttributes = ["src", "model", "auto-load"];

  #attached: Attached | null = null;
  #view: WidgetView | null = null;
  #internals: ElementInternals | null = null;
  #chosen: string | null = null;
  #texts: Partial<WidgetTexts> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changed = false;
  #loadingSince = 0;
  #lastNews = 0;
  #lastProgress = "";

  constructor() {
    super();
    // happy-dom and old browsers have none: then the attribute alone says the state.
    this.#internals = (this as { attachInternals?: () => ElementInternals }).attachInternals?.call(this) ?? null;
  }

  // Attributes

  /** The folder of the site. Reflects the attribute `src`. */
  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(value: string) {
    this.#reflect("src", value);
  }

  /** The id of the model to load. Reflects the attribute `model`. */
  get model(): string {
    return this.getAttribute("model") ?? "";
  }

  set model(value: string) {
    this.#reflect("model", value);
  }

  /** Whether the model loads by itself. Reflects the attribute `auto-load`. */
  get autoLoad(): boolean {
    return this.hasAttribute("auto-load");
  }

  set autoLoad(value: boolean) {
    this.toggleAttribute("auto-load", value);
  }

  /** The widget's words; those that are given replace those of the page's language. */
  get texts(): Partial<WidgetTexts> {
    return this.#words.texts;
  }

  set texts(value: Partial<WidgetTexts>) {
    this.#texts = value;
    this.#draw();
  }

  // Methods

  /** The JavaScript API of the page: `chat`, `complete`, `switchModel` and so on. */
  get moduleApi(): LocalLLM {
    return localLLM(this.#base);
  }

  /** The state in a word, two figures, and what is going on. */
  getStatus(): WidgetStatus {
    return statusOf(this.#service, this.#words);
  }

  /** What a person can do now: the buttons and the model switcher, with functions that do it. */
  getControls(): Control[] {
    return controlsOf(this.#service, this.#asked, this.#hands, this.#words);
  }

  /** Load the chosen model, downloading it first if it must be. How it goes is told by events. */
  load(): void {
    this.#load(this.#asked ?? undefined);
  }

  /** Free the model's memory; a load in progress is cancelled. */
  unload(): Promise<void> {
    this.#chosen = null;
    return this.#service.unload();
  }

  override addEventListener<N extends keyof WidgetEvents>(name: N, listener: (event: WidgetEvents[N]) => void, options?: boolean | AddEventListenerOptions): void;
  override addEventListener<N extends keyof HTMLElementEventMap>(name: N, listener: (event: HTMLElementEventMap[N]) => void, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(name: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(name: string, listener: never, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(name, listener, options);
  }

  // Life in the document

  /** @internal */
  connectedCallback(): void {
    for (const name of ["src", "model", "autoLoad", "texts"] as const) this.#upgrade(name);
    this.#view ??= new WidgetView(this.shadowRoot ?? this.attachShadow({ mode: "open" }));
    if (!this.#attached) this.#attach();
  }

  /** @internal */
  disconnectedCallback(): void {
    // An element that is moved leaves the document for a moment.
    queueMicrotask(() => { if (!this.isConnected) this.#detach(); });
  }

  /** @internal Moved by `moveBefore`: nothing ends. */
  connectedMoveCallback(): void {
    this.#draw();
  }

  /** @internal */
  attributeChangedCallback(name: string, before: string | null): void {
    if (name === "model") this.#chosen = null;
    if (!this.#attached || this.#changed) return;
    // Several attributes that change in one go are one change.
    this.#changed = true;
    const loads = name === "model" || (name === "auto-load" && before === null);
    queueMicrotask(() => {
      this.#changed = false;
      if (!this.#attached) return;
      if (this.#attached.service !== this.#service) {
        this.#detach();
        this.#attach();
      } else if (loads && (this.autoLoad || (this.model !== "" && isInUse(this.#service)))) this.load();
      this.#draw();
    });
  }

  #attach(): void {
    const service = this.#service;
    const news = new Newsroom();
    const gone = service.join(this);
    const stop = service.subscribe(() => { this.#follow(); });
    this.#attached = { service, news, leave: () => { stop(); gone(); } };
    if (this.autoLoad) this.load();
    this.#follow();
  }

  #detach(): void {
    const attached = this.#attached;
    this.#attached = null; // before it leaves, so that what follows from that is not told
    clearTimeout(this.#timer);
    attached?.leave();
  }

  // What it does

  get #base(): string {
    return this.src === "" ? HERE : baseOf(this.src);
  }

  get #service(): Service {
    return serviceFor(this.#base);
  }

  get #words(): Words & WidgetLanguage {
    const language = languageOf(this);
    const known = widgetLanguages().get(language, this.#redraw);
    return { ...known, texts: { ...known.texts, ...this.#texts }, language, asked: this.#asked };
  }

  readonly #redraw = (): void => { this.#draw(); };

  /** The model that the user has chosen here, or that the page asks for. */
  get #asked(): string | null {
    return this.#chosen ?? (this.model === "" ? null : this.model);
  }

  readonly #hands: Hands = {
    start: () => { void this.#start(); },
    choose: (model) => {
      this.#chosen = model;
      this.#draw();
    },
    load: (model) => { this.#load(model); },
    unload: () => { this.unload().catch(() => undefined); }, // it is shown
    cancel: () => { this.#service.cancel(); },
    retry: () => { void this.#retry(); },
    dismiss: () => { this.#service.fail(null); },
  };

  #load(model: string | undefined): void {
    const service = this.#service;
    const id = model ?? chosenModel(service, null);
    if (id === null) void this.#start();
    else service.show(findModel(service.state, id)?.id ?? id);
  }

  /** Start the app. The model loads if that needs no download: a large one is the user's decision, with its size on the button. */
  async #start(): Promise<void> {
    const service = this.#service;
    try {
      await service.start();
      if (this.#asked !== null) await service.call("models.refresh", {}); // at first only the built-in model is listed
    } catch {
      return; // the connection's error is shown
    }
    if (this.#attached?.service !== service || service.loading !== null) return;
    const id = chosenModel(service, this.#asked);
    // Said also while the app loads its built-in model, as it does at each start.
    if (id !== null && !service.state.models[id]) {
      service.fail(unknownModel(id, service.state));
      return;
    }
    if (service.error?.code === "model_not_found") service.fail(null); // another one was chosen since
    if (isInUse(service)) return;
    if (id !== null && (service.state.models[id]?.downloaded || this.autoLoad)) service.show(id);
  }

  async #retry(): Promise<void> {
    const service = this.#service;
    const { wanted } = service;
    try {
      await service.start();
      if (service.state.status === "failed") await service.call("device.refresh", {});
    } catch {
      return;
    }
    if (this.#attached?.service !== service) return;
    if (wanted !== null) service.show(wanted);
    else void this.#start();
  }

  /** Something has changed: tell it and show it. */
  #follow(): void {
    const attached = this.#attached;
    if (!attached) return;
    for (const { name, detail } of attached.news.read(attached.service)) this.#tell(name, detail);
    this.#draw();
  }

  #tell(name: News["name"], detail: object): void {
    // A listener may have taken the widget away.
    if (this.#attached && this.isConnected) this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #draw(): void {
    const attached = this.#attached;
    if (!attached || !this.#view) return;
    const { service } = attached;
    const words = this.#words;
    const { texts } = words;
    const now = Date.now();
    const { state, message, error, model } = statusOf(service, words);
    const progress = progressOf(service);
    this.#time(progress ? JSON.stringify(progress) : "", now);
    const shown = progress?.model ?? model ?? chosenModel(service, this.#asked);
    const problem = service.state.device?.problem;
    this.#show(state);
    this.#view.draw({
      state,
      direction: words.direction,
      label: texts.label,
      stateLabel: texts[state],
      name: shown === null ? texts.label : modelName(service.state, shown),
      badges: badgesOf(service, words),
      message,
      progress,
      progressText: progress ? progressText(progress, now - this.#loadingSince, now - this.#lastNews, words) : "",
      progressLabel: texts.progress,
      stats: statsOf(service.state, words),
      times: timesText(service.state, now, words),
      note: problem && loadedModel(service.state) && !error ? told(problem, words) : null,
      error,
      controls: this.getControls(),
    });
    this.#schedule(REFRESH_MS[state]);
  }

  /** Remember since when it loads, and when there was news of it. */
  #time(progress: string, now: number): void {
    if (this.#lastProgress === "" && progress !== "") this.#loadingSince = now;
    if (this.#lastProgress !== progress) this.#lastNews = now;
    this.#lastProgress = progress;
  }

  #schedule(ms: number | null): void {
    clearTimeout(this.#timer);
    if (ms !== null) this.#timer = setTimeout(() => { this.#draw(); }, ms);
  }

  /** Say the state to style sheets: `:state(loading)`, or where browsers do not know that, `[data-state="loading"]`. */
  #show(state: WidgetState): void {
    const states = this.#internals?.states;
    try {
      states?.clear();
      states?.add(state);
    } catch {
      this.#internals = null; // an earlier draft took names with two dashes only
    }
    if (!this.#internals?.states) this.dataset.state = state;
  }

  #reflect(name: string, value: string | null): void {
    if (value === null || value === "") this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  /** Properties that were set before the element was defined hide its own: set them again. */
  #upgrade(name: "src" | "model" | "autoLoad" | "texts"): void {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    Reflect.deleteProperty(this, name);
    Object.assign(this, { [name]: value });
  }
}

/** Whether a model is in memory, or on the way there. */
function isInUse(service: Service): boolean {
  return service.loading !== null || service.state.loading !== null || loadedModel(service.state) !== null;
}

function languageOf(element: Element): string {
  const language = element.closest("[lang]")?.getAttribute("lang") ?? "";
  try {
    return new Intl.Locale(language || navigator.language).toString();
  } catch {
    return "en";
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "local-llm-widget": LocalLLMWidget;
  }
}
