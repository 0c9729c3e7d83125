/** The worker's side: requests tasks from the window and waits for the answers. */

import { cancelled, PageError } from "../errors.ts";
import { isRecord, type JsonRecord } from "../fields.ts";
import type { Battery, Visibility } from "../environment.ts";
import type { FromWindow, PickedFolder, ToWindow, WindowTask } from "./messages.ts";

export type { PickedFile, PickedFolder } from "./messages.ts";

export class WindowLink {
  readonly #post: (message: ToWindow, transfer: Transferable[]) => void;
  readonly #onBattery: (battery: Battery) => void;
  readonly #onVisibility: (visibility: Visibility) => void;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #present = false;
  #seen = false;
  #engines: readonly string[] = [];
  #lastId = 0;

  constructor(
    post: (message: ToWindow, transfer: Transferable[]) => void,
    onBattery: (battery: Battery) => void = () => undefined,
    onVisibility: (visibility: Visibility) => void = () => undefined,
  ) {
    this.#post = post;
    this.#onBattery = onBattery;
    this.#onVisibility = onVisibility;
  }

  /** Handle a message from the page. Returns whether it was for this link. */
  receive(data: JsonRecord): boolean {
    const message = data as unknown as FromWindow;
    switch (message.type) {
      case "window":
        this.#present = true;
        this.#seen = message.seen;
        this.#engines = message.engines;
        return true;
      case "battery":
        this.#onBattery(message.battery);
        return true;
      case "visibility":
        this.#onVisibility(message.visibility);
        return true;
      case "answer": {
        const asker = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.ok) asker?.resolve(message.value);
        else if (message.cancelled) asker?.reject(new PageError("cancelled", message.message));
        else asker?.reject(new PageError("internal", `the page failed: ${message.message}`));
        return true;
      }
      default:
        return false;
    }
  }

  /** Whether the window can serve an engine, because the browser offers it there. */
  has(engine: string): boolean {
    return this.#engines.includes(engine);
  }

  /** A port to an engine's half in the window. */
  open(engine: string): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#post({ type: "open", engine, port: port2 }, [port2]);
    return port1;
  }

  /** Ask the browser to keep this site's data when space runs short. The browser may ask the user. */
  async persist(): Promise<boolean> {
    return (await this.#ask({ task: "persist" }, "asking the browser to keep this site's data", null)) === true;
  }

  /** Ask the user for a folder. Refused without a visible window, where the request would wait for ever. */
  async pickFolder(prompt: string, signal: AbortSignal): Promise<PickedFolder> {
    if (this.#present && !this.#seen) {
      const message =
        "a folder cannot be chosen in a headless browser, which has no visible window: " +
        "pass the folder's path to models.add(folder), or launch the browser with connect(visible=True)";
      throw new PageError("unavailable", message, { reason: "no_window" });
    }
    const value = await this.#ask({ task: "pick_folder", prompt }, "choosing a folder", signal);
    if (isRecord(value) && typeof value["name"] === "string" && Array.isArray(value["files"])) return value as unknown as PickedFolder;
    throw new PageError("internal", "the page's answer contains no folder");
  }

  #ask(task: WindowTask, what: string, signal: AbortSignal | null): Promise<unknown> {
    if (!this.#present) {
      const message = `${what} needs a page with a window, and no window of this engine answers`;
      return Promise.reject(new PageError("unavailable", message, { reason: "no_window" }));
    }
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.#waiting.set(id, { resolve, reject });
      signal?.addEventListener("abort", () => {
        if (!this.#waiting.delete(id)) return;
        this.#post({ type: "ask_over", id }, []);
        reject(signal.reason instanceof Error ? signal.reason : cancelled(what));
      }, { once: true });
      this.#post({ type: "ask", id, ...task }, []);
    });
  }
}
