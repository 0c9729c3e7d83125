/** What a view shows: the frame, and above it a line when there is something to say. */

export interface WayOut {
  readonly label: string;
  act(): void;
}

export class Panel {
  readonly #box = document.createElement("div");
  readonly #line = document.createElement("p");
  readonly #height: number;
  #frame: HTMLIFrameElement | null = null;

  constructor(el: HTMLElement, height: number) {
    this.#height = height;
    this.#box.className = "browserllm-notebook";
    this.#line.className = "browserllm-notebook-line";
    this.#line.setAttribute("role", "status");
    Object.assign(this.#line.style, { margin: "0", padding: "0.5rem 0.75rem", font: "13px/1.5 system-ui, sans-serif" });
    this.#box.append(this.#line);
    el.append(this.#box);
  }

  /** Show a line, or none. */
  say(text: string | null, way?: WayOut): void {
    this.#line.hidden = text === null;
    if (text === this.#line.textContent && way === undefined) return;
    this.#line.replaceChildren(text ?? "");
    if (way === undefined) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = way.label;
    button.style.marginInlineStart = "0.75rem";
    button.addEventListener("click", () => { way.act(); });
    this.#line.append(button);
  }

  /** Show a page in the frame, in place of an earlier one. */
  frame(address: string, allow: string): HTMLIFrameElement {
    this.#frame?.remove();
    const frame = document.createElement("iframe");
    frame.title = "browserllm";
    frame.allow = allow;
    frame.referrerPolicy = "no-referrer";
    Object.assign(frame.style, { display: "block", width: "100%", height: `${this.#height}px`, border: "0", colorScheme: "light dark" });
    frame.src = address;
    this.#frame = frame;
    this.#box.append(frame);
    return frame;
  }

  remove(): void {
    this.#box.remove();
  }
}
