// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FromPython, Model, ToPython } from "../../../web/notebook/messages.ts";
import { FRAME_WAIT_MS, HELLO_MS, PATIENCE, View, type Surroundings } from "../../../web/notebook/view.ts";
import { words } from "../../../web/notebook/words.ts";

const SITE = "http://127.0.0.1:8019/notebook.html?key=k";
const ORIGIN = "http://localhost:8888";

class FakeModel implements Model {
  readonly sent: ToPython[] = [];
  readonly data: ArrayBuffer[] = [];
  broken = false;
  readonly #listeners = new Map<string, Set<(...given: never[]) => void>>();

  get(): unknown {
    return 400;
  }

  send(content: ToPython, _: unknown, buffers: ArrayBuffer[] = []): void {
    if (this.broken) throw new Error("no comm");
    this.sent.push(content);
    this.data.push(...buffers);
  }

  on(event: string, listener: (...given: never[]) => void): void {
    this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(listener));
  }

  off(event: string, listener: (...given: never[]) => void): void {
    this.#listeners.get(event)?.delete(listener);
  }

  python(message: FromPython, text?: string): void {
    const buffers = text === undefined ? [] : [new DataView(new TextEncoder().encode(text).buffer)];
    this.tell("msg:custom", message, buffers);
  }

  tell(event: string, ...given: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) (listener as (...all: unknown[]) => void)(...given);
  }

  last(type: ToPython["type"]): ToPython | undefined {
    return this.sent.findLast((message) => message.type === type);
  }

  count(type: ToPython["type"]): number {
    return this.sent.filter((message) => message.type === type).length;
  }
}

let el: HTMLElement;
let model: FakeModel;
let view: View;
let target: EventTarget;

function show(page: Partial<Surroundings> = {}): void {
  target = new EventTarget();
  view = new View(model, el, { origin: ORIGIN, hostname: "localhost", secure: true, window: target as never, newId: () => "v1", ...page });
}

function welcome(more: Partial<Extract<FromPython, { type: "welcome" }>> = {}): void {
  model.python({ type: "welcome", view: "v1", url: SITE, chat: true, busy: false, fresh: false, ...more });
}

const line = (): string | null => el.querySelector<HTMLElement>("[role=status]:not([hidden])")?.textContent ?? null;
const frame = (): HTMLIFrameElement | null => el.querySelector("iframe");

/** The frame's page says that it is there; returns its end of the port. */
function frameStarts(event: { origin?: string; source?: unknown; data?: unknown } = {}): MessagePort | null {
  const got = vi.fn();
  const window = { postMessage: got };
  const shown = frame();
  if (shown) Object.defineProperty(shown, "contentWindow", { value: window, configurable: true });
  const data = { source: window, origin: "http://localhost:8019", data: { type: "browserllm-frame", version: "0.1.0" }, ...event };
  target.dispatchEvent(Object.assign(new Event("message"), data));
  const [call] = got.mock.calls as [unknown, string, MessagePort[]][];
  if (call) expect(call.slice(0, 2)).toEqual([{ type: "browserllm-port", chat: true }, "http://localhost:8019"]);
  return call?.[2][0] ?? null;
}

function nextOf(port: MessagePort): Promise<unknown> {
  return new Promise((resolve) => { port.onmessage = ({ data }: MessageEvent<unknown>) => { resolve(data); }; });
}

beforeEach(() => {
  vi.useFakeTimers();
  el = document.createElement("div");
  model = new FakeModel();
});

afterEach(() => {
  view.close();
  vi.useRealTimers();
});

describe("a view of the widget", () => {
  it("says hello, and shows the page that Python names, with its own origin behind the #", () => {
    show();
    expect(model.sent).toEqual([{ type: "hello", view: "v1", origin: ORIGIN }]);
    expect(frame()).toBeNull();
    welcome({ fresh: true });
    expect(frame()?.src).toBe(`${SITE.replace("127.0.0.1", "localhost")}#origin=${encodeURIComponent(ORIGIN)}`);
    expect(frame()?.allow).toContain("language-model");
    expect(frame()?.style.height).toBe("400px");
  });

  it("frames the kernel's page at its own host name, so that both are one site for the browser", () => {
    show({ hostname: "localhost" });
    welcome();
    expect(new URL(frame()?.src ?? "").host).toBe("localhost:8019");
    view.close();
    show({ hostname: "hub.example.org" });
    welcome();
    expect(new URL(frame()?.src ?? "").host).toBe("127.0.0.1:8019");
    view.close();
    show({ hostname: "localhost" });
    welcome({ url: "https://example.org/llm/notebook.html" });
    expect(new URL(frame()?.src ?? "").host).toBe("example.org");
  });

  it("goes on saying that nothing is kept for the frame", async () => {
    vi.useRealTimers();
    show();
    welcome();
    const port = frameStarts();
    if (!port) throw new Error("no port");
    port.postMessage({ type: "nothing_kept" });
    await vi.waitFor(() => { expect(line()).toContain("http://localhost:8019"); });
    const before = line();
    welcome();
    expect(line()).toBe(before);
  });

  it("gives a port to the frame's own window at the site's origin, and to no other", () => {
    show();
    welcome();
    expect(frameStarts({ origin: "http://evil.example" })).toBeNull();
    expect(frameStarts({ source: {} })).toBeNull();
    expect(frameStarts({ data: { type: "other" } })).toBeNull();
    expect(frameStarts({ data: null })).toBeNull();
    expect(frameStarts()).not.toBeNull();
  });

  it("carries texts both ways", async () => {
    vi.useRealTimers();
    show();
    welcome();
    const port = frameStarts();
    if (!port) throw new Error("no port");
    port.postMessage({ type: "ready" });
    await vi.waitFor(() => { expect(model.last("ready")).toEqual({ type: "ready", view: "v1", version: "0.1.0" }); });
    expect(line()).toBeNull();
    model.python({ type: "open", view: "v1", channel: 3, kind: "engine" });
    expect(await nextOf(port)).toEqual({ type: "open", channel: 3, kind: "engine" });
    model.python({ type: "text", view: "other", channel: 3, n: 1, more: false }, "not for this view");
    model.python({ type: "text", view: "v1", channel: 3, n: 1, more: true }, "hel");
    model.python({ type: "text", view: "v1", channel: 3, n: 2, more: false }, "lo");
    expect(await nextOf(port)).toEqual({ type: "text", channel: 3, text: "hello" });
    port.postMessage({ type: "text", channel: 3, text: "answer" });
    await vi.waitFor(() => { expect(model.last("text")).toEqual({ type: "text", view: "v1", channel: 3, n: 1, more: false }); });
    expect(new TextDecoder().decode(model.data[0])).toBe("answer");
  });

  it("ends a channel of which a message was lost, on both sides", async () => {
    vi.useRealTimers();
    show();
    welcome();
    const port = frameStarts();
    if (!port) throw new Error("no port");
    model.python({ type: "open", view: "v1", channel: 3, kind: "engine" });
    await nextOf(port);
    model.python({ type: "text", view: "v1", channel: 3, n: 2, more: false }, "x");
    expect(model.last("ended")).toMatchObject({ channel: 3 });
    expect(await nextOf(port)).toMatchObject({ type: "close", channel: 3 });
  });

  it("says what may be wrong when the frame does not start, and tells Python", () => {
    show();
    welcome();
    vi.advanceTimersByTime(FRAME_WAIT_MS);
    expect(line()).toContain('ChatApp(site="https://…")');
    expect(model.last("problem")).toMatchObject({ view: "v1", message: line() });
  });

  it("names the other machine if the notebook is on one", () => {
    expect(words.noFrame(new URL(SITE), "hub.example.org")).toContain("hub.example.org");
    expect(words.noFrame(new URL(SITE), "localhost")).not.toContain("This notebook is at");
    expect(words.noFrame(new URL("https://example.org/llm/notebook.html"), "hub.example.org")).toContain("browserllm build");
  });

  it("shows no frame where browsers offer no GPU", () => {
    show({ secure: false, origin: "http://192.168.1.5:8888" });
    welcome({ fresh: true });
    expect(frame()).toBeNull();
    expect(line()).toContain("http://192.168.1.5:8888");
    expect(model.last("problem")).toBeDefined();
  });

  it("tells a kernel that is busy from one that is gone", () => {
    show();
    welcome();
    model.python({ type: "busy", busy: true });
    vi.advanceTimersByTime(HELLO_MS * (PATIENCE + 2));
    expect(line()).toBe(words.busy);
    model.python({ type: "busy", busy: false });
    vi.advanceTimersByTime(HELLO_MS);
    expect(line()).toBe(words.silent);
  });

  it("takes its line away when Python answers again", () => {
    show();
    welcome();
    frameStarts();
    vi.advanceTimersByTime(HELLO_MS * (PATIENCE + 2));
    expect(line()).toBe(words.silent);
    welcome();
    expect(line()).toBeNull();
  });

  it.each(["comm_live_update", "comm:close"])("says that the kernel is gone when the front end knows (%s)", async (event) => {
    vi.useRealTimers();
    show();
    welcome();
    const port = frameStarts();
    if (!port) throw new Error("no port");
    const over = nextOf(port);
    model.tell(event);
    expect(line()).toContain("restarted");
    expect(await over).toMatchObject({ type: "over" });
  });

  it("says why Python closed it, and answers no more", () => {
    show();
    model.python({ type: "closed", view: "other", reason: "no" });
    expect(line()).toBe(words.connecting);
    model.python({ type: "closed", view: null, reason: "the cell was run again" });
    expect(line()).toContain("the cell was run again");
    const before = model.count("hello");
    model.python({ type: "check" });
    vi.advanceTimersByTime(HELLO_MS * 3);
    expect(model.count("hello")).toBe(before);
  });

  it("starts its page again for a Python that has forgotten it", () => {
    show();
    welcome({ fresh: true });
    const first = frame();
    welcome();
    expect(frame()).toBe(first);
    welcome({ fresh: true });
    expect(frame()).not.toBe(first);
  });

  it("offers to start an engine again that stopped", async () => {
    vi.useRealTimers();
    show();
    welcome();
    const port = frameStarts();
    if (!port) throw new Error("no port");
    model.python({ type: "open", view: "v1", channel: 3, kind: "engine" });
    const first = frame();
    port.postMessage({ type: "crashed", reason: "out of memory" });
    await vi.waitFor(() => { expect(line()).toContain("out of memory"); });
    expect(model.last("ended")).toMatchObject({ channel: 3 });
    el.querySelector("button")?.click();
    expect(frame()).not.toBe(first);
  });

  it("answers a check at once, says goodbye when it goes, and leaves nothing", () => {
    show();
    model.python({ type: "check" });
    expect(model.count("hello")).toBe(2);
    target.dispatchEvent(new Event("pagehide"));
    expect(model.count("bye")).toBe(1);
    view.close();
    expect(model.count("bye")).toBe(2);
    expect(el.children).toHaveLength(0);
    vi.advanceTimersByTime(HELLO_MS * 3);
    expect(model.count("hello")).toBe(2);
  });

  it("says so in a saved notebook without a kernel", () => {
    model.broken = true;
    show();
    expect(line()).toBe(words.silent);
  });
});
