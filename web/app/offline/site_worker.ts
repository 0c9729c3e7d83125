/** The page's end of the service worker: registers it, keeps what a visit used, and says when a new version is ready. */

import { Listeners } from "@browserllm/react/listeners";

export interface SiteStatus {
  /** A new version has been fetched, and takes over when `update` is called or the last tab is closed; or another tab has let it. */
  readonly updateReady: boolean;
  /** The browser offers to install the site as an app. */
  readonly canInstall: boolean;
}

/** The browser's offer to install the site; Chromium has it, others offer it in their own menus. */
interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

export interface Page {
  readonly serviceWorker: ServiceWorkerContainer | undefined;
  addEventListener(type: "beforeinstallprompt" | "appinstalled", listener: (event: Event) => void): void;
  reload(): void;
}

export class SiteWorker {
  #status: SiteStatus = { updateReady: false, canInstall: false };
  #registration: ServiceWorkerRegistration | null = null;
  #install: InstallPrompt | null = null;
  #updating = false;
  /** Another tab has let a new version take over: this page is of the one before. */
  #outdated = false;
  readonly #listeners = new Listeners();
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
    page.addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault(); // the app offers it where it fits
      this.#install = event as InstallPrompt;
      this.#set({ canInstall: true });
    });
    page.addEventListener("appinstalled", () => { this.#set({ canInstall: false }); });
  }

  readonly getStatus = (): SiteStatus => this.#status;

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Register the worker. Where there is none (a plain http address, a private window), the site works without. */
  async start(script: string): Promise<void> {
    const container = this.#page.serviceWorker;
    if (container === undefined) return;
    let controlled = container.controller !== null;
    container.addEventListener("controllerchange", () => {
      // The first worker takes this page over, too; only an update needs a new page.
      if (this.#updating) this.#page.reload();
      else if (controlled) this.#outdated = true;
      controlled = true;
      this.#set({ updateReady: this.#outdated });
    });
    try {
      this.#registration = await container.register(script, { updateViaCache: "none" });
    } catch (error) {
      console.warn("This visit is not kept for later:", error);
      return;
    }
    const registration = this.#registration;
    const look = (): void => { this.#set({ updateReady: this.#outdated || (registration.waiting !== null && container.controller !== null) }); };
    registration.addEventListener("updatefound", () => {
      registration.installing?.addEventListener("statechange", look);
    });
    look();
    container.controller?.postMessage({ type: "opened" });
  }

  /** Let the new version take over; the page is loaded again. */
  update(): void {
    if (this.#outdated) {
      this.#page.reload();
      return;
    }
    this.#updating = true;
    this.#registration?.waiting?.postMessage({ type: "update" });
  }

  /** Keep the files that this visit has used. */
  async keep(urls: readonly string[]): Promise<void> {
    const container = this.#page.serviceWorker;
    if (container === undefined || this.#registration === null) return;
    const { active } = await container.ready;
    active?.postMessage({ type: "keep", urls });
  }

  /** Show the browser's dialog that installs the site. */
  async install(): Promise<void> {
    const prompt = this.#install;
    this.#install = null;
    this.#set({ canInstall: false });
    await prompt?.prompt();
  }

  #set(change: Partial<SiteStatus>): void {
    const next = { ...this.#status, ...change };
    if (next.updateReady === this.#status.updateReady && next.canInstall === this.#status.canInstall) return;
    this.#status = next;
    this.#listeners.tell();
  }
}

export const siteWorker = new SiteWorker({
  serviceWorker: "serviceWorker" in navigator ? navigator.serviceWorker : undefined,
  addEventListener: (type, listener) => { window.addEventListener(type, listener); },
  reload: () => { location.reload(); },
});
