// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { takeShared } from "../../../web/app/offline/shared.ts";
import { SiteWorker, type Page } from "../../../web/app/offline/site_worker.ts";

class FakeWorker extends EventTarget {
  readonly postMessage = vi.fn();
}

class FakeRegistration extends EventTarget {
  installing: FakeWorker | null = null;
  waiting: FakeWorker | null = null;

  /** A new version is fetched, and waits. */
  fetchVersion(): FakeWorker {
    const worker = (this.installing = new FakeWorker());
    this.dispatchEvent(new Event("updatefound"));
    this.waiting = worker;
    this.installing = null;
    worker.dispatchEvent(new Event("statechange"));
    return worker;
  }
}

function page({ controlled = true, refused = false } = {}) {
  const registration = new FakeRegistration();
  const active = new FakeWorker();
  const container = Object.assign(new EventTarget(), {
    controller: controlled ? active : null,
    ready: Promise.resolve({ active }),
    register: vi.fn(() => (refused ? Promise.reject(new Error("no storage")) : Promise.resolve(registration))),
  });
  const events = new EventTarget();
  const reload = vi.fn();
  const worker = new SiteWorker({
    serviceWorker: container as unknown as ServiceWorkerContainer,
    addEventListener: (type, listener) => { events.addEventListener(type, listener); },
    reload,
  });
  return { worker, container, registration, active, events, reload };
}

describe("SiteWorker", () => {
  it("offers a new version when one waits, and loads the page again once it has taken over", async () => {
    const { worker, container, registration, reload } = page();
    const told = vi.fn();
    worker.subscribe(told);
    await worker.start("/sw.js");
    const waiting = registration.fetchVersion();
    expect(worker.getStatus().updateReady).toBe(true);
    expect(told).toHaveBeenCalledTimes(1);
    worker.update();
    expect(waiting.postMessage).toHaveBeenCalledWith({ type: "update" });
    expect(reload).not.toHaveBeenCalled();
    container.dispatchEvent(new Event("controllerchange"));
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it("does not reload a first visit, which the worker takes over as well", async () => {
    const { worker, container, registration, reload } = page({ controlled: false });
    await worker.start("/sw.js");
    registration.fetchVersion();
    expect(worker.getStatus().updateReady).toBe(false);
    container.dispatchEvent(new Event("controllerchange"));
    expect(reload).not.toHaveBeenCalled();
  });

  it("goes on offering the new version in a tab that another one has updated, and loads that tab again when asked", async () => {
    const { worker, container, registration, reload } = page();
    await worker.start("/sw.js");
    const waiting = registration.fetchVersion();
    registration.waiting = null;
    waiting.dispatchEvent(new Event("statechange"));
    container.dispatchEvent(new Event("controllerchange"));
    expect(worker.getStatus().updateReady).toBe(true);
    expect(reload).not.toHaveBeenCalled();
    worker.update();
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it("tells the worker that a page has opened, so that what no tab needs any more can go", async () => {
    const { worker, container } = page();
    await worker.start("/sw.js");
    expect(container.controller?.postMessage).toHaveBeenCalledWith({ type: "opened" });
  });

  it("asks the worker to keep what a visit used", async () => {
    const { worker, active } = page();
    await worker.keep(["too-early.js"]);
    expect(active.postMessage).not.toHaveBeenCalled();
    await worker.start("/sw.js");
    await worker.keep(["engine.js"]);
    expect(active.postMessage).toHaveBeenCalledWith({ type: "keep", urls: ["engine.js"] });
  });

  it("works without a service worker, and where the browser refuses one", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const none: Page = { serviceWorker: undefined, addEventListener: () => undefined, reload: () => undefined };
    await new SiteWorker(none).start("/sw.js");
    expect(warn).not.toHaveBeenCalled();
    await page({ refused: true }).worker.start("/sw.js");
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it("offers to install the site once the browser does, and only once", async () => {
    const { worker, events } = page();
    const prompt = Object.assign(new Event("beforeinstallprompt", { cancelable: true }), { prompt: vi.fn(() => Promise.resolve()) });
    events.dispatchEvent(prompt);
    expect(prompt.defaultPrevented).toBe(true);
    expect(worker.getStatus().canInstall).toBe(true);
    await worker.install();
    expect(prompt.prompt).toHaveBeenCalledTimes(1);
    expect(worker.getStatus().canInstall).toBe(false);
    await worker.install();
    expect(prompt.prompt).toHaveBeenCalledTimes(1);
  });
});

describe("takeShared", () => {
  it("takes texts and files once", async () => {
    const entries = new Map([
      ["https://site.test/shared/text", new Response("Look at this")],
      ["https://site.test/shared/files/0", new Response("abc", { headers: { "Content-Type": "text/plain", "X-Name": "a%20b.txt" } })],
    ]);
    let there = true;
    const caches = {
      has: () => Promise.resolve(there),
      open: () => Promise.resolve({
        keys: () => Promise.resolve([...entries.keys()].map((url) => ({ url }))),
        match: ({ url }: { url: string }) => Promise.resolve(entries.get(url)),
      }),
      delete: () => Promise.resolve(there = false),
    } as unknown as CacheStorage;
    const shared = await takeShared(caches);
    expect(shared?.text).toBe("Look at this");
    expect(shared?.files.map(({ name, type, size }) => ({ name, type, size }))).toEqual([{ name: "a b.txt", type: "text/plain", size: 3 }]);
    expect(await takeShared(caches)).toBeNull();
  });
});
