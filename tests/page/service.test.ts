import { describe, expect, it } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import { Peer } from "../../web/src/engine/peer.ts";
import { FRAME_MS } from "../../web/src/engine/outbox.ts";
import { engines } from "../../web/src/engine/engines.ts";
import { honoured, splitOptions, type ChatOptions, type HonouredOptions } from "../../web/src/engine/options.ts";
import { EngineRegistry } from "../../web/src/engine/registry.ts";
import { Bench, FakeEngine, FakeModel, HELLO_MESSAGES, loadArgs, outcome, settle } from "./helpers.ts";

describe("a connection", () => {
  it("greets first, and stays usable after a message it cannot read", async () => {
    const { peer, said, ask, of } = new Bench().connect();
    expect(said).toEqual([{ v: 1, type: "hello", data: { protocol: 1 } }]);
    peer.receive("nonsense");
    ask(1, "status");
    await settle();
    expect(said[1]).toMatchObject({ id: null, type: "error", error: { code: "protocol" } });
    expect(of(1)).toEqual([{ v: 1, id: 1, type: "result", data: { loaded: [], queue: 0 } }]);
  });

  it("refuses a second request with the id of one that runs", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    ask(1, "load", loadArgs("m"));
    ask(1, "status");
    await settle();
    expect(of(1)).toMatchObject([{ type: "error", error: { code: "protocol" } }]);
  });

  it("carries messages over a real MessagePort", async () => {
    const { port1, port2 } = new MessageChannel();
    const bench = new Bench();
    const heard: unknown[] = [];
    const peer = new Peer({ send: (text) => { port2.postMessage(text); } }, { protocol: 1 }, bench.service.handle);
    port2.onmessage = ({ data }) => { peer.receive(data); };
    port1.onmessage = ({ data }) => { heard.push(JSON.parse(String(data))); };
    port1.postMessage(JSON.stringify({ v: 1, id: 4, op: "status" }));
    await expect.poll(() => heard.length).toBe(2);
    expect(heard).toMatchObject([{ type: "hello" }, { id: 4, type: "result", data: { queue: 0 } }]);
    expect(peer.pending).toBe(0);
    port1.close();
  });
});

describe("loading", () => {
  it("reports progress and ends with what was loaded", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    ask(1, "load", loadArgs("m"));
    await settle();
    const load = bench.engine.loads[0];
    expect(load?.context.base).toBe("https://example.org/app/");
    load?.context.report({ phase: "downloading", fraction: 0.5, text: "half" });
    load?.end.open(new FakeModel());
    await settle();
    const [progress, result] = of(1);
    expect(progress).toMatchObject({ type: "progress", data: { phase: "downloading", fraction: 0.5, loaded_bytes: null } });
    expect(result).toMatchObject({ type: "result", data: { model: "m", engine: "fake", device: "webgpu", adapter: "fake", context_window: 100 } });
    load?.context.report({ phase: "loading", fraction: 1, text: "late" });
    expect(of(1)).toHaveLength(2);
    ask(2, "status");
    await settle();
    expect(of(2)[0]?.data).toMatchObject({ loaded: [{ model: "m", engine: "fake" }], queue: 0 });
  });

  it("shares one load among equal requests, even of other connections", async () => {
    const bench = new Bench();
    const [one, two] = [bench.connect(), bench.connect()];
    one.ask(1, "load", loadArgs("m"));
    two.ask(1, "load", loadArgs("m"));
    await settle();
    expect(two.of(1)).toMatchObject([{ type: "progress", data: { phase: "queued", position: 1 } }]);
    bench.engine.loads[0]?.end.open(new FakeModel());
    await settle();
    expect(bench.engine.loads).toHaveLength(1);
    expect(two.of(1).at(-1)).toMatchObject({ type: "result", data: { model: "m" } });
  });

  it("replaces a model of the same name that was loaded another way", async () => {
    const bench = new Bench();
    const { ask } = bench.connect();
    const first = await bench.load(ask);
    ask(2, "load", loadArgs("m", { url: "elsewhere/" }));
    await settle();
    expect(first.unloads).toBe(1);
    expect(bench.engine.loads).toHaveLength(2);
  });

  it("answers a cancel at once, frees what comes later, and starts no other load before", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    ask(1, "load", loadArgs("m"));
    await settle();
    ask(2, "load", loadArgs("n"));
    ask(1, "cancel");
    await settle();
    expect(of(1).at(-1)).toMatchObject({ type: "error", error: { code: "cancelled" } });
    expect(bench.engine.loads).toHaveLength(1);
    const late = new FakeModel();
    bench.engine.loads[0]?.end.open(late);
    await settle();
    expect(late.unloads).toBe(1);
    expect(bench.engine.loads).toHaveLength(2);
    bench.engine.loads[1]?.end.open(new FakeModel());
    await settle();
    expect(of(2).at(-1)).toMatchObject({ type: "result", data: { model: "n" } });
  });

  it("passes a failure on, and can load again", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    ask(1, "load", loadArgs("m"));
    await settle();
    bench.engine.loads[0]?.end.fail(new PageError("load_failed", "404", { url: "u" }));
    await settle();
    expect(of(1)).toMatchObject([{ type: "error", error: { code: "load_failed", data: { url: "u" } } }]);
    await bench.load(ask, "m", 2);
    expect(of(2).at(-1)?.type).toBe("result");
  });

  it("says which engines there are, and when one cannot be fetched", async () => {
    const { ask, of } = new Bench().connect();
    ask(1, "load", { ...loadArgs("m"), engine: "none" });
    ask(2, "load", { ...loadArgs("m"), engine: "broken" });
    ask(3, "load", { ...loadArgs("m"), engine: "broken", device: "wasm" });
    await settle();
    expect(of(1)[0]).toMatchObject({ error: { code: "unsupported", message: expect.stringContaining("fake, broken") as string } });
    expect(of(2).at(-1)).toMatchObject({ error: { code: "load_failed", message: expect.stringContaining("no network") as string } });
    expect(of(3).at(-1)).toMatchObject({ error: { code: "unsupported", message: 'the engine "broken" runs on webgpu only, not on wasm' } });
  });

  it("takes a new engine by its line in the list alone, flags and all", async () => {
    const engine = new FakeEngine();
    const registry = new EngineRegistry([
      ...engines,
      { name: "mine", version: "7", devices: ["wasm"], capabilities: ["chat"], options: { seed: true }, import: () => Promise.resolve(engine) },
    ]);
    expect(registry.list()).toMatchObject([
      { name: "webllm", devices: ["webgpu"], capabilities: expect.arrayContaining(["chat", "embed"]) as string[] },
      { name: "transformersjs", devices: ["webgpu", "wasm"], capabilities: expect.arrayContaining(["chat"]) as string[] },
      { name: "mine", version: "7", devices: ["wasm"], capabilities: ["chat"], options: { seed: true } },
    ]);
    expect(await registry.get("mine", "wasm")).toBe(engine);
  });
});

describe("the options of a chat", () => {
  it("reach the model if its engine honours them; a warning reports each of the others", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    const model = await bench.load(ask);
    expect(of(1000).at(-1)?.data).toMatchObject({ options: { top_k: true, top_logprobs: 5 } });
    ask(1, "chat", { model: "m", messages: HELLO_MESSAGES, top_k: 3, seed: 7, logprobs: false, top_logprobs: 9 });
    await settle();
    expect(model.chats[0]?.request.options).toMatchObject({ top_k: 3, top_logprobs: 5 });
    expect(model.chats[0]?.request.options.seed).toBeUndefined();
    model.chats[0]?.end.open(outcome());
    await settle();
    expect(of(1).at(-1)?.data?.["warnings"]).toMatchObject([{ parameter: "seed" }, { parameter: "top_logprobs" }]);
  });

  it("are narrowed by the loaded model", () => {
    const split = (most: HonouredOptions): unknown => splitOptions({ temperature: 1.5, stop: ["a"] }, { ...honoured("temperature", "stop"), ...most }, "e");
    expect(split({})).toEqual({ options: { temperature: 1.5, stop: ["a"] }, warnings: [] });
    expect(split({ temperature: 1 })).toMatchObject({ options: { temperature: 1 }, warnings: [{ parameter: "temperature" }] });
    expect(split({ stop: false })).toMatchObject({ options: { temperature: 1.5 }, warnings: [{ parameter: "stop" }] });
  });

  it("are reported by every engine that does not name them", () => {
    const asked: Required<ChatOptions> = {
      max_tokens: 1, temperature: 1, top_p: 1, top_k: 1, stop: ["a"], seed: 1, frequency_penalty: 1, presence_penalty: 1,
      logit_bias: new Map(), logprobs: true, top_logprobs: 20, response_format: {}, thinking: true,
    };
    expect(splitOptions(asked, {}, "e").warnings.map(({ parameter }) => parameter).sort()).toEqual(Object.keys(asked).sort());
  });
});

describe("a chat", () => {
  it("streams, then ends with usage and timings", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    const model = await bench.load(ask);
    ask(1, "chat", { model: "m", messages: HELLO_MESSAGES, colour: "blue" });
    await settle();
    const chat = model.chats[0];
    chat?.emit("Hel", 1);
    chat?.emit("lo", 1);
    expect(of(1)).toMatchObject([{ type: "chunk", data: { text: "Hel", tokens: 1 } }]);
    chat?.end.open(outcome());
    await settle();
    const [, rest, result] = of(1);
    expect(rest).toMatchObject({ type: "chunk", data: { text: "lo", tokens: 1 } });
    expect(result).toMatchObject({
      type: "result",
      data: {
        finish_reason: "stop",
        usage: { prompt_tokens: 5, completion_tokens: 3, cached_tokens: 1 },
        warnings: [{ parameter: "colour" }],
      },
    });
    expect(result?.data?.["timings"]).toMatchObject({ queue_ms: expect.any(Number) as number, tokens_per_s: expect.any(Number) as number });
    bench.clock.advance(FRAME_MS);
    expect(of(1)).toHaveLength(3);
  });

  it("stops when asked, ends as cancelled, and the next one works at once", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    const model = await bench.load(ask);
    ask(1, "chat", { model: "m", messages: HELLO_MESSAGES });
    ask(2, "chat", { model: "m", messages: HELLO_MESSAGES });
    await settle();
    expect(model.chats).toHaveLength(1);
    ask(1, "cancel");
    await settle();
    expect(of(1).at(-1)).toMatchObject({ type: "result", data: { finish_reason: "cancelled" } });
    expect(model.chats).toHaveLength(2);
  });

  it("that is stopped while it waits ends as cancelled, with nothing used", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    const model = await bench.load(ask);
    ask(1, "chat", { model: "m", messages: HELLO_MESSAGES });
    ask(2, "chat", { model: "m", messages: HELLO_MESSAGES });
    await settle();
    ask(2, "cancel");
    await settle();
    expect(of(2).at(-1)).toMatchObject({ type: "result", data: { finish_reason: "cancelled", usage: { completion_tokens: 0 } } });
    expect(model.chats).toHaveLength(1);
  });

  it("needs its model loaded, and a failed one frees the queue", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    const model = await bench.load(ask);
    ask(1, "chat", { model: "other", messages: HELLO_MESSAGES });
    await settle();
    expect(of(1)[0]).toMatchObject({ error: { code: "model_not_loaded", data: { model: "other", loaded: ["m"] } } });
    ask(2, "chat", { model: "m", messages: HELLO_MESSAGES });
    await settle();
    model.chats[0]?.end.fail(new Error("boom"));
    await settle();
    expect(of(2)[0]).toMatchObject({ error: { code: "internal", message: "Error: boom" } });
    ask(3, "chat", { model: "m", messages: HELLO_MESSAGES });
    await settle();
    expect(model.chats).toHaveLength(2);
  });

  it("ends when its asker goes away, running or waiting, and others go on", async () => {
    const bench = new Bench();
    const [one, two] = [bench.connect(), bench.connect()];
    const model = await bench.load(one.ask);
    one.ask(1, "chat", { model: "m", messages: HELLO_MESSAGES });
    one.ask(2, "chat", { model: "m", messages: HELLO_MESSAGES });
    two.ask(3, "chat", { model: "m", messages: HELLO_MESSAGES });
    await settle();
    const heard = one.said.length;
    one.peer.close();
    one.peer.close();
    one.ask(9, "status");
    await settle();
    expect(model.chats[0]?.signal.aborted).toBe(true);
    expect(model.chats).toHaveLength(2);
    expect(one.said).toHaveLength(heard);
    model.chats[1]?.end.open(outcome());
    await settle();
    expect(two.of(3).at(-1)).toMatchObject({ type: "result", data: { finish_reason: "stop" } });
  });

  it("is not bothered by a cancel of what has ended", async () => {
    const { ask, said } = new Bench().connect();
    ask(77, "cancel");
    await settle();
    expect(said).toHaveLength(1);
  });
});

describe("the other operations", () => {
  it("count tokens and embed", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    await bench.load(ask);
    ask(1, "count_tokens", { model: "m", text: "a" });
    ask(2, "embed", { model: "m", input: ["a"] });
    ask(3, "probe");
    await settle();
    expect(of(1)[0]?.data).toEqual({ tokens: 7 });
    expect(of(2)[0]?.data).toMatchObject({ vectors: [[1, 2]], usage: { prompt_tokens: 3 } });
    expect(of(3)[0]?.data).toMatchObject({ webgpu: { available: false, reason: "insecure_context" } });
  });

  it("unload one or all, and say so to everybody", async () => {
    const bench = new Bench();
    const [one, two] = [bench.connect(), bench.connect()];
    const model = await bench.load(one.ask, "m", 1);
    await bench.load(one.ask, "n", 2);
    one.ask(3, "unload", { model: "m" });
    await settle();
    expect(one.of(3)[0]?.data).toEqual({ unloaded: ["m"] });
    expect(model.unloads).toBe(1);
    expect(two.said.at(-1)).toMatchObject({ type: "event", name: "unloaded", data: { model: "m" } });
    one.ask(4, "unload");
    await settle();
    expect(one.of(4)[0]?.data).toEqual({ unloaded: ["n"] });
  });

  it("drop a model whose device is lost, and say so", async () => {
    const bench = new Bench();
    const { ask, of, said } = bench.connect();
    const model = await bench.load(ask);
    model.loss.open("gone");
    await settle();
    expect(said.at(-1)).toMatchObject({ type: "event", name: "device_lost", data: { model: "m", engine: "fake", reason: "gone" } });
    ask(1, "status");
    await settle();
    expect(of(1)[0]?.data).toMatchObject({ loaded: [] });
    expect(model.unloads).toBe(1);
  });
});

describe("files", () => {
  const file = { url: "models/a.bin#x", cache: "webllm/model" };
  const found = { url: "https://example.org/app/models/a.bin", cache: "webllm/model" };

  it("are looked after with absolute addresses, and answered with what comes of it", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    const cases: [string, object, string, unknown][] = [
      ["read_file", file, "read", { ...found, refresh: false }],
      ["inspect_files", { urls: ["a", "https://b.org/c"] }, "inspect", ["https://example.org/app/a", "https://b.org/c"]],
      ["stored", {}, "stored", null],
      ["delete_files", { entries: [file], partials: ["p"] }, "delete", { entries: [found], partials: ["https://example.org/app/p"] }],
      ["journal", { put: { k: {} } }, "journal", { put: { k: {} }, remove: [] }],
      ["persist", {}, "persist", null],
      ["pick_files", { key: "k", prompt: "which?" }, "pick", { key: "k", prompt: "which?" }],
    ];
    for (const [id, [op, args, name, expected]] of cases.entries()) {
      ask(id, op, args);
      await settle();
      expect(bench.files.calls.at(-1)).toMatchObject({ op: name, args: expected });
      bench.files.calls.at(-1)?.end.open({ done: op });
      await settle();
      expect(of(id)).toMatchObject([{ type: "result", data: { done: op } }]);
    }
  });

  it("are downloaded while a model is loading, with progress, until the caller stops it", async () => {
    const bench = new Bench();
    const { ask, of } = bench.connect();
    ask(1, "load", loadArgs("m"));
    ask(2, "download", { files: [file] });
    await settle();
    const download = bench.files.calls[0];
    expect(download).toMatchObject({ op: "download", args: { files: [found] } });
    download?.report?.({ phase: "downloading", fraction: 0.5, text: "" });
    expect(of(2)).toMatchObject([{ type: "progress", data: { fraction: 0.5 } }]);
    ask(2, "cancel");
    expect(download?.signal?.aborted).toBe(true);
    expect(of(1)).toEqual([]); // still loading
  });
});
