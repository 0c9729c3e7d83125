import { describe, expect, it, vi } from "vitest";
import type { AppPipe } from "../../../web/src/connect/pipe.ts";
import { asGuest } from "../../../web/src/engine/guest.ts";
import { askForPort, FrameLink, type FrameWindow } from "../../../web/src/notebook/link.ts";
import type { FromFrame } from "../../../web/src/notebook/messages.ts";

const NOTEBOOK = "http://localhost:8888";

class ParentAndFrame implements FrameWindow {
  readonly asked: [unknown, string][] = [];
  readonly parent = { postMessage: (message: unknown, origin: string) => void this.asked.push([message, origin]) };
  readonly #listeners = new Set<(event: MessageEvent<unknown>) => void>();

  addEventListener(_: "message", listener: (event: MessageEvent<unknown>) => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: "message", listener: (event: MessageEvent<unknown>) => void): void {
    this.#listeners.delete(listener);
  }

  say(event: { source?: unknown; origin?: string; data?: unknown; ports?: readonly MessagePort[] }): void {
    const full = { source: this.parent, origin: NOTEBOOK, data: { type: "browserllm-port", chat: true }, ports: [new MessageChannel().port1], ...event };
    for (const listener of [...this.#listeners]) listener(full as unknown as MessageEvent<unknown>);
  }
}

describe("the frame of a notebook", () => {
  it("takes its port from the page that framed it, at the origin that its address names", async () => {
    const scope = new ParentAndFrame();
    const asking = askForPort(scope, NOTEBOOK, "0.1.0");
    expect(scope.asked).toEqual([[{ type: "browserllm-frame", version: "0.1.0" }, NOTEBOOK]]);
    const done = vi.fn();
    void asking.then(done);
    scope.say({ source: {} });
    scope.say({ origin: "http://evil.example" });
    scope.say({ data: { type: "other" } });
    scope.say({ data: null });
    scope.say({ ports: [] });
    await Promise.resolve();
    expect(done).not.toHaveBeenCalled();
    const { port1 } = new MessageChannel();
    scope.say({ ports: [port1] });
    expect(await asking).toEqual({ port: port1, chat: true });
  });

  it("knows a notebook inside a sandbox, which has no origin, by its window alone", async () => {
    const scope = new ParentAndFrame();
    const asking = askForPort(scope, "null", "0.1.0");
    expect(scope.asked[0]?.[1]).toBe("*");
    scope.say({ source: {}, origin: "null" });
    scope.say({ origin: "null", data: { type: "browserllm-port", chat: false } });
    expect((await asking).chat).toBe(false);
  });
});

function linked(): { link: FrameLink; port: { onmessage: ((event: MessageEvent) => void) | null }; sent: FromFrame[]; take: (message: unknown) => void; engines: FakeEngine[]; pipes: AppPipe[] } {
  const sent: FromFrame[] = [];
  const port = { onmessage: null as ((event: MessageEvent) => void) | null, postMessage: (message: FromFrame) => void sent.push(message) };
  const engines: FakeEngine[] = [];
  const pipes: AppPipe[] = [];
  const start = (): FakeEngine => {
    const engine = new FakeEngine();
    engines.push(engine);
    return engine;
  };
  const link = new FrameLink(port as unknown as MessagePort, start as never, (pipe) => void pipes.push(pipe));
  return { link, port, sent, take: (message) => port.onmessage?.({ data: message } as MessageEvent), engines, pipes };
}

class FakeEngine {
  readonly got: string[] = [];
  readonly guests: unknown[] = [];
  readonly ports: { onmessage: ((event: { data: string }) => void) | null; postMessage(text: string): void; close: ReturnType<typeof vi.fn> }[] = [];
  crash: (reason: string) => void = () => undefined;
  closed = false;

  connect(options: unknown): unknown {
    this.guests.push(options);
    const port = { onmessage: null, postMessage: (text: string) => void this.got.push(text), close: vi.fn() };
    this.ports.push(port);
    return port;
  }

  onCrash(listener: (reason: string) => void): void {
    this.crash = listener;
  }

  close(): void {
    this.closed = true;
  }
}

describe("the channels of a frame", () => {
  it("begin when Python opens them; all engine channels use one engine, as guests", () => {
    const { sent, take, engines } = linked();
    expect(sent).toEqual([{ type: "ready" }]);
    expect(engines).toHaveLength(0);
    take({ type: "open", channel: 1, kind: "engine" });
    take({ type: "open", channel: 2, kind: "engine" });
    expect(engines).toHaveLength(1);
    expect(engines[0]?.guests).toEqual([{ guest: true }, { guest: true }]);
    take({ type: "text", channel: 2, text: "ask" });
    expect(engines[0]?.got).toEqual(["ask"]);
    engines[0]?.ports[1]?.onmessage?.({ data: "answer" });
    expect(sent.at(-1)).toEqual({ type: "text", channel: 2, text: "answer" });
    take({ type: "close", channel: 1, reason: "done" });
    expect(engines[0]?.ports[0]?.close).toHaveBeenCalledOnce();
    expect(engines[0]?.ports[1]?.close).not.toHaveBeenCalled();
  });

  it("keep the app's texts until it listens", () => {
    const { sent, take, pipes } = linked();
    take({ type: "open", channel: 5, kind: "app" });
    take({ type: "text", channel: 5, text: "early" });
    const texts: string[] = [];
    const closed = vi.fn();
    pipes[0]?.onText((text) => void texts.push(text));
    pipes[0]?.onClose(closed);
    take({ type: "text", channel: 5, text: "later" });
    expect(texts).toEqual(["early", "later"]);
    pipes[0]?.send("mine");
    expect(sent.at(-1)).toEqual({ type: "text", channel: 5, text: "mine" });
    take({ type: "over", reason: "the kernel was restarted" });
    expect(closed).toHaveBeenCalledExactlyOnceWith("the kernel was restarted");
  });

  it("end with the engine, which starts again for the next one", () => {
    const { sent, take, engines } = linked();
    take({ type: "open", channel: 1, kind: "engine" });
    engines[0]?.crash("out of memory");
    expect(sent.at(-1)).toEqual({ type: "crashed", reason: "out of memory" });
    expect(engines[0]?.closed).toBe(true);
    take({ type: "open", channel: 2, kind: "engine" });
    expect(engines).toHaveLength(2);
  });
});

describe("a guest of an engine", () => {
  it("may ask for everything but what the site has kept", async () => {
    const handle = vi.fn(() => Promise.resolve("done"));
    const guest = asGuest(handle);
    await expect(guest({ op: "status" } as never, {} as never)).resolves.toBe("done");
    await expect(guest({ op: "values" } as never, {} as never)).rejects.toMatchObject({ code: "unsupported" });
    expect(handle).toHaveBeenCalledOnce();
  });
});
