/** The widget's shadow tree: made once, then changed where the texts change. No markup and no styles in texts, as a strict policy asks. */

import type { ErrorInfo } from "@browserllm/react/state";
import { asSentence } from "../app/format.ts";
import type { Control, ModelControl } from "./controls.ts";
import type { WidgetProgress, WidgetState } from "./status.ts";
import { sheet } from "./styles.ts";

/** All that is shown at one moment. */
export interface Picture {
  readonly state: WidgetState;
  /** Of its words; `null`: that of the page. */
  readonly direction: "ltr" | "rtl" | null;
  readonly label: string;
  readonly stateLabel: string;
  readonly name: string;
  readonly badges: readonly { readonly name: string; readonly text: string; readonly title: string }[];
  readonly message: string;
  readonly progress: WidgetProgress | null;
  readonly progressText: string;
  readonly progressLabel: string;
  readonly stats: readonly (readonly [string, string])[];
  readonly times: string;
  /** A limit of the device that is worth knowing, such as why there is no GPU. */
  readonly note: ErrorInfo | null;
  readonly error: ErrorInfo | null;
  readonly controls: readonly Control[];
}

export class WidgetView {
  readonly #root: HTMLElement;
  readonly #name: HTMLElement;
  readonly #state: HTMLElement;
  readonly #badges: HTMLElement;
  readonly #message: HTMLElement;
  readonly #loading: HTMLElement;
  readonly #bar: HTMLProgressElement;
  readonly #progress: HTMLElement;
  readonly #stats: HTMLElement;
  readonly #times: HTMLElement;
  readonly #note: HTMLElement;
  readonly #error: HTMLElement;
  readonly #controls: HTMLElement;
  readonly #live: HTMLElement;
  readonly #shown = new Map<HTMLElement, string>();

  constructor(shadow: ShadowRoot) {
    shadow.adoptedStyleSheets = [sheet()];
    this.#name = make("span", "name");
    this.#state = make("span", "state");
    this.#badges = make("div", "badges");
    this.#message = make("p", "message");
    this.#bar = make("progress", "bar");
    this.#progress = make("p", "progress");
    this.#loading = make("div", "loading", this.#bar, this.#progress);
    this.#stats = make("dl", "stats");
    this.#times = make("p", "times");
    this.#note = make("p", "note");
    this.#error = make("div", "error");
    this.#controls = make("div", "controls");
    this.#live = make("p", "live");
    this.#live.setAttribute("role", "status");
    this.#name.dir = "auto";
    const head = make("div", "head", make("span", "dot"), this.#name, this.#state);
    this.#root = make("section", "box", head, this.#badges, this.#message, this.#loading, this.#error, this.#stats, this.#times, this.#note, this.#controls, this.#live);
    this.#root.setAttribute("role", "group");
    shadow.append(this.#root);
  }

  draw(picture: Picture): void {
    const { state, error, note, progress, badges, stats } = picture;
    this.#root.dataset.state = state;
    this.#root.dir = picture.direction ?? "";
    this.#root.setAttribute("aria-label", picture.label);
    setText(this.#name, picture.name);
    setText(this.#state, picture.stateLabel);
    this.#fill(this.#badges, badges, () => badges.map(({ name, text, title }) => Object.assign(make("span", `badge badge-${name}`, text), { title })));
    setText(this.#message, state === "disabled" || state === "loading" ? picture.message : "");
    this.#loading.hidden = progress === null;
    if (progress) {
      this.#bar.setAttribute("aria-label", picture.progressLabel);
      if (progress.fraction === null) this.#bar.removeAttribute("value");
      else this.#bar.value = progress.fraction;
      setText(this.#progress, picture.progressText);
    }
    this.#fill(this.#stats, stats, () => stats.map(([name, value]) => make("div", "stat", make("dt", "stat-name", name), make("dd", "stat-value", value))));
    setText(this.#times, state === "idle" ? picture.times : "");
    setText(this.#note, note ? [note.title, note.remedy].filter(Boolean).map((each) => asSentence(String(each))).join(" ") : "");
    this.#fill(this.#error, error ? [error] : [], () => (error ? errorParts(error) : []));
    this.#drawControls(picture.controls);
    this.#announce(picture);
  }

  /** Make the children anew if what they show has changed. */
  #fill(parent: HTMLElement, shows: readonly unknown[], children: () => (HTMLElement | string)[]): void {
    const key = JSON.stringify(shows);
    if (this.#shown.get(parent) === key) return;
    this.#shown.set(parent, key);
    parent.hidden = shows.length === 0;
    parent.replaceChildren(...children());
  }

  #drawControls(controls: readonly Control[]): void {
    const key = JSON.stringify(controls.map((control) => [control.id, control.label, control.kind === "select" ? control.options : 0]));
    const focused = (this.#controls.getRootNode() as ShadowRoot).activeElement?.id;
    if (this.#shown.get(this.#controls) !== key) {
      this.#shown.set(this.#controls, key);
      this.#controls.replaceChildren(...controls.map((control, index) => (control.kind === "select" ? select(control) : make("button", `button button-${control.id}${isMain(controls, index) ? " main" : ""}`, control.label))));
      this.#controls.hidden = controls.length === 0;
    }
    controls.forEach((control, index) => {
      const element = this.#controls.children[index] as HTMLElement;
      const input = control.kind === "select" ? (element.querySelector("select") as HTMLSelectElement) : (element as HTMLButtonElement);
      input.id = control.id;
      input.disabled = !control.enabled;
      if (control.kind === "select") {
        (input as HTMLSelectElement).value = control.value;
        input.onchange = (): void => { control.run(input.value); };
      } else input.onclick = control.run;
    });
    // The focus of the keyboard stays among the buttons, though the one that was pressed is gone.
    if (focused && !this.#controls.querySelector(`#${focused}:not([disabled])`)) this.#controls.querySelector<HTMLElement>("button:not([disabled])")?.focus();
    else if (focused) this.#controls.querySelector<HTMLElement>(`#${focused}`)?.focus();
  }

  /** Tell screen readers about changes of the state, and of a load each quarter. */
  #announce({ state, message, name, stateLabel, progress, error }: Picture): void {
    const quarter = progress?.fraction == null ? "" : ` ${Math.floor(progress.fraction * 4) * 25}%`;
    const text = error ? `${error.title} ${error.remedy ?? ""}` : state === "loading" ? `${message}${quarter}` : state === "idle" || state === "active" ? `${name}: ${stateLabel}` : message;
    if (this.#live.textContent !== text) this.#live.textContent = text;
  }
}

/** The button that a person most likely wants: the first, unless it takes something away. */
function isMain(controls: readonly Control[], index: number): boolean {
  const control = controls[index];
  const first = controls.findIndex(({ kind }) => kind === "button");
  return index === first && control !== undefined && control.id !== "unload" && control.id !== "cancel";
}

function errorParts({ title, message, remedy }: ErrorInfo): HTMLElement[] {
  const parts = [make("strong", "error-title", title), make("p", "error-message", asSentence(message))];
  if (remedy) parts.push(make("p", "error-remedy", remedy));
  return parts;
}

function select({ label, options }: ModelControl): HTMLElement {
  const input = make("select", "select");
  input.setAttribute("aria-label", label);
  const groups = new Map<string, HTMLElement>();
  for (const { value, label: text, group } of options) {
    const parent = groups.get(group) ?? document.createElement("optgroup");
    parent.setAttribute("label", group);
    groups.set(group, parent);
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    parent.append(option);
  }
  input.append(...groups.values());
  return make("div", "model", input);
}

function make<T extends keyof HTMLElementTagNameMap>(tag: T, part: string, ...children: (HTMLElement | string)[]): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  element.setAttribute("part", part);
  element.className = part;
  if (tag === "button") element.setAttribute("type", "button");
  element.append(...children);
  return element;
}

/** A text that is empty takes no room. */
function setText(element: HTMLElement, text: string): void {
  element.hidden = text === "";
  if (element.textContent !== text) element.textContent = text;
}
