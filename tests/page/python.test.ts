import { describe, expect, it, vi } from "vitest";
import { EnginePort } from "../../web/src/python/engine-port.ts";
import { HandlerSlot, type TextHandler } from "../../web/src/python/handler.ts";
import { encode } from "../../web/src/engine/protocol.ts";
import { NOWHERE, settle } from "./helpers.ts";

/** A Python function as Pyodide hands it over. */
function proxy(): { handler: TextHandler; heard: string[]; copies: () => number; destroyed: () => number } {
  const heard: string[] = [];
  let copies = 0;
  let destroyed = 0;
  const handler: TextHandler = Object.assign((text: string) => { heard.push(text); return null; }, {
    copy: () => { copies += 1; return handler; },
    destroy: () => { destroyed += 1; },
  });
  return { handler, heard, copies: () => copies, destroyed: () => destroyed };
}

describe("a Python function that JavaScript keeps", () => {
  it("is copied when it comes, and destroyed when it goes", () => {
    const slot = new HandlerSlot();
    const { handler, heard, copies, destroyed } = proxy();
    slot.call("no listener yet");
    slot.set(handler);
    slot.call("hello");
    expect([slot.filled, heard, copies(), destroyed()]).toEqual([true, ["hello"], 1, 0]);
    slot.set(null);
    expect([slot.filled, destroyed()]).toEqual([false, 1]);
  });

  it("may return a proxy, which is destroyed too", () => {
    const slot = new HandlerSlot();
    const destroy = vi.fn();
    slot.set(() => ({ destroy }));
    slot.call("x");
    expect(destroy).toHaveBeenCalledOnce();
  });
});

describe("the engine's port in Python", () => {
  function open(): { engine: EnginePort; sent: unknown[]; say: (data: unknown) => void } {
    const sent: unknown[] = [];
    const port: Pick<MessagePort, "postMessage" | "onmessage"> = { onmessage: null, postMessage: (text: unknown) => { sent.push(text); } };
    const engine = new EnginePort(port);
    const say = (data: unknown): void => {
      Reflect.apply(port.onmessage ?? (() => undefined), port as MessagePort, [{ data } as MessageEvent]);
    };
    return { engine, sent, say };
  }

  it("greets every new listener, and does not send it what was meant for another", async () => {
    const { engine, sent, say } = open();
    engine.set_handler(null);
    say("hello");
    const [first, second] = [proxy(), proxy()];
    engine.set_handler(first.handler);
    expect(first.heard).toEqual([]); // Python is still in its call
    await settle();
    say("one");
    engine.set_handler(null);
    say("two");
    engine.set_handler(second.handler);
    await settle();
    say(new ArrayBuffer(1));
    say("three");
    engine.send("out");
    expect(first.heard).toEqual(["hello", "one"]);
    expect(second.heard).toEqual(["hello", "three"]);
    expect(sent).toEqual(["out"]);
  });

  it("sends every new listener the latest environment", async () => {
    const { engine, say } = open();
    const environmentEvent = (online: boolean): string => encode({ type: "event", name: "environment", data: { ...NOWHERE, online } });
    say("hello");
    say(environmentEvent(false));
    say(environmentEvent(true));
    say(encode({ type: "event", name: "unloaded", data: { model: "environment" } }));
    const { handler, heard } = proxy();
    engine.set_handler(handler);
    await settle();
    expect(heard).toEqual(["hello", environmentEvent(true)]);
  });
});
