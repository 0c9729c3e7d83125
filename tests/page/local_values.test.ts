import { IDBFactory } from "fake-indexeddb";
import { describe, expect, it } from "vitest";
import { EnginePort } from "../../web/src/python/engine-port.ts";
import { answerValues } from "../../web/src/python/local-values.ts";

const GET = JSON.stringify({ v: 1, id: 7, op: "values", args: { name: "app", action: "get", key: "settings" } });

describe("Python's requests for its stored values", () => {
  it("are answered in its own worker, with the id of the request, and the engine does not see them", async () => {
    const sent: unknown[] = [];
    const port = { postMessage: (text: unknown) => { sent.push(text); }, onmessage: null };
    const engine = new EnginePort(port, (reply) => answerValues(undefined, reply));
    const answer = new Promise<string>((resolve) => { engine.set_handler((text) => { resolve(text); return null; }); });
    engine.send(GET);
    // There is no database here, so the answer is the error that says so; the hello stays the engine's.
    expect(JSON.parse(await answer)).toMatchObject({ id: 7, type: "error", error: { code: "unavailable" } });
    expect(sent).toEqual([]);
  });

  it("are told from all others by how they begin", () => {
    const sent: unknown[] = [];
    const port = { postMessage: (text: unknown) => { sent.push(text); }, onmessage: null };
    const engine = new EnginePort(port, (reply) => answerValues(undefined, reply));
    const others = [JSON.stringify({ v: 1, id: 8, op: "status", args: { note: GET } }), JSON.stringify({ v: 1, id: 7, op: "cancel" })];
    for (const text of others) engine.send(text);
    expect(sent).toEqual(others);
  });

  it("are followed by the news that the browser has closed the database, as it does when the site's data is cleared", async () => {
    const factory = new IDBFactory();
    const opened: IDBDatabase[] = [];
    const open = factory.open.bind(factory);
    factory.open = (...args) => {
      const request = open(...args);
      request.addEventListener("success", () => { opened.push(request.result); });
      return request;
    };
    const port = { postMessage: () => undefined, onmessage: null };
    const engine = new EnginePort(port, (reply) => answerValues(factory, reply));
    const told: unknown[] = [];
    const answered = new Promise<void>((resolve) => {
      engine.set_handler((text) => { told.push(JSON.parse(text)); resolve(); return null; });
    });
    engine.send(GET);
    await answered;
    opened[0]?.onclose?.(new Event("close"));
    expect(told.at(-1)).toMatchObject({ type: "event", name: "storage_lost" });
  });
});
