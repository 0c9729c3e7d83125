/** Draws the chat page. Text is only set as text, so a model's output cannot become markup. */

import { chipsOf, speedOf, type ChatState } from "./state.ts";

export interface ViewEvents {
  send(text: string): void;
  stop(): void;
  retry(): void;
}

const SUGGESTIONS = ["Tell me a story about a fox.", "Who are you?", "What is WebGPU?", "Write a poem about the sea."];

const FINISH_NOTES: Readonly<Record<string, string>> = {
  cancelled: "Stopped.",
  length: "The answer reached its maximum length.",
};

export class ChatView {
  readonly #log = find("#log");
  readonly #input = find("#input", HTMLTextAreaElement);
  readonly #button = find("#send", HTMLButtonElement);
  readonly #messages = new Map<string, HTMLElement>();
  readonly #events: ViewEvents;
  #state: ChatState | null = null;

  constructor(events: ViewEvents) {
    this.#events = events;
    find("#form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#submit();
      }
    });
    this.#input.addEventListener("input", () => { this.#drawButton(); });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#state?.status === "answering") events.stop();
    });
    find("#retry").addEventListener("click", () => { events.retry(); });
    find("#suggestions").replaceChildren(...SUGGESTIONS.map((text) => this.#suggestion(text)));
  }

  draw(state: ChatState): void {
    const before = this.#state?.status;
    this.#state = state;
    document.body.dataset["status"] = state.status;
    find("#chips").replaceChildren(...chipsOf(state).map(chip));
    find("#speed").textContent = speedOf(state);
    this.#drawProgress(state);
    this.#drawError(state);
    show("#notice", state.notice);
    for (const button of find("#suggestions").querySelectorAll("button")) button.disabled = state.status !== "ready";
    this.#drawButton();
    // Only after the wait, so that typing is never interrupted.
    if (state.status === "ready" && before !== "ready" && document.activeElement === document.body) this.#input.focus();
  }

  addMessage(id: string, role: "user" | "assistant", text: string): void {
    find("#intro").hidden = true;
    const article = document.createElement("article");
    article.className = "message";
    article.dataset["role"] = role;
    article.ariaLabel = role === "user" ? "You" : "The model";
    if (role === "assistant") article.dataset["open"] = "";
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    article.append(paragraph);
    this.#messages.set(id, article);
    this.#keepingEnd(() => { this.#log.append(article); }, true);
  }

  append(id: string, text: string): void {
    const paragraph = this.#messages.get(id)?.querySelector("p");
    if (paragraph == null) return;
    this.#keepingEnd(() => {
      // A text node grows in place, so the whole answer is not laid out again for each token.
      if (paragraph.lastChild instanceof Text) paragraph.lastChild.appendData(text);
      else paragraph.append(text);
    });
  }

  finish(id: string, reason: string): void {
    const article = this.#messages.get(id);
    if (article === undefined) return;
    delete article.dataset["open"];
    const note = FINISH_NOTES[reason];
    if (note === undefined) return;
    const small = document.createElement("small");
    small.textContent = note;
    this.#keepingEnd(() => { article.append(small); });
  }

  /** Stay at the end of the conversation if the reader is there; never scroll away from the text they are reading. */
  #keepingEnd(change: () => void, always = false): void {
    const log = this.#log;
    const atEnd = always || log.scrollHeight - log.scrollTop - log.clientHeight < 48;
    change();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  #submit(): void {
    if (this.#state?.status === "answering") {
      this.#events.stop();
      return;
    }
    const text = this.#input.value.trim();
    if (text === "" || this.#state?.status !== "ready") return;
    this.#input.value = "";
    this.#events.send(text);
  }

  #drawButton(): void {
    const answering = this.#state?.status === "answering";
    this.#button.textContent = answering ? "Stop" : "Send";
    this.#button.disabled = !answering && (this.#state?.status !== "ready" || this.#input.value.trim() === "");
  }

  #drawProgress({ status, progress }: ChatState): void {
    const busy = (status === "starting" || status === "loading") && progress !== null;
    find("#progress").hidden = !busy;
    if (!busy) return;
    find("#progress-text").textContent = progress.text ?? progress.phase ?? "Loading";
    const bar = find("#progress-bar", HTMLProgressElement);
    const { fraction } = progress;
    if (typeof fraction === "number") bar.value = fraction;
    else bar.removeAttribute("value");
    find("#progress-percent").textContent = typeof fraction === "number" ? `${Math.round(fraction * 100)} %` : "";
  }

  #drawError({ error, status }: ChatState): void {
    find("#error").hidden = error === null;
    if (error === null) return;
    find("#error-title").textContent = TITLES[error.code ?? ""] ?? "That did not work";
    show("#error-message", error.message);
    show("#error-remedy", error.remedy ?? REMEDIES[error.code ?? ""] ?? null);
    find("#retry").hidden = status !== "error"; // with the model still there, the next message is the next attempt
  }

  #suggestion(text: string): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.disabled = true;
    button.addEventListener("click", () => {
      this.#input.focus();
      this.#events.send(text);
    });
    return button;
  }
}

const TITLES: Readonly<Record<string, string>> = {
  unavailable: "No engine can run here",
  load_failed: "The model could not be loaded",
  download_interrupted: "The download was interrupted",
  out_of_memory: "Not enough memory",
  device_lost: "The GPU was lost",
  context_exceeded: "The conversation is too long",
  quota_exceeded: "The browser's storage is full",
  all_backends_failed: "No engine could load the model",
};

const REMEDIES: Readonly<Record<string, string>> = {
  unavailable: "Use a current Chrome, Edge, Firefox or Safari, over https or on localhost.",
  load_failed: "Reload the page; if it happens again, the site's files are incomplete.",
  download_interrupted: "Check the connection and try again; what has arrived is kept.",
  out_of_memory: "Close other tabs or programs that use the GPU, then try again.",
  device_lost: "Try again. If it happens often, update the graphics driver.",
  quota_exceeded: "Free some disk space, or clear the data of sites that you no longer use.",
};

function find(selector: string): HTMLElement;
function find<T extends HTMLElement>(selector: string, kind: new () => T): T;
function find(selector: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = document.querySelector(selector);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${selector}`);
}

function show(selector: string, text: string | null): void {
  const element = find(selector);
  element.hidden = text === null || text === "";
  element.textContent = text;
}

function chip(text: string): HTMLElement {
  const span = document.createElement("span");
  span.className = "chip";
  span.textContent = text;
  return span;
}
