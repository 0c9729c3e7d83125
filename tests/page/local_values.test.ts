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
});
