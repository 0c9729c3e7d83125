import { beforeEach, describe, expect, it } from "vitest";
import type { LoadedModel, LoadProgress } from "../../web/src/engine/engine.ts";
import { engines } from "../../web/src/engine/engines.ts";
import { PageError } from "../../web/src/engine/errors.ts";
import type { ChatOptions, Message } from "../../web/src/engine/options.ts";
import { PromptApiEngine } from "../../web/src/engine/promptapi/engine.ts";
import type { LanguageModelStatic } from "../../web/src/engine/promptapi/idl.d.ts";
import { errorOf } from "../../web/src/engine/promptapi/link.ts";
import { serveLanguageModel } from "../../web/src/engine/promptapi/window.ts";
import { EngineRegistry } from "../../web/src/engine/registry.ts";
import { ScriptedLanguageModel } from "./scripted_language_model.ts";

const { script } = ScriptedLanguageModel;
const fresh = { ...script };
const idle = new AbortController().signal;
const request = { model: "browser", engine: "prompt-api", device: "browser", artifact: { url: "browser:language-model" } } as const;

beforeEach(() => { Object.assign(script, fresh, { answers: [], asked: [], live: 0 }); });

/** The engine over a real MessagePort, as between worker and window. */
function setUp(api: LanguageModelStatic = ScriptedLanguageModel): PromptApiEngine {
  const { port1, port2 } = new MessageChannel();
  serveLanguageModel(port2, api);
  return new PromptApiEngine(port1);
}

async function load(engine = setUp(), signal = idle): Promise<{ model: LoadedModel; progress: LoadProgress[] }> {
  const progress: LoadProgress[] = [];
  const model = await engine.load(request, { base: "https://example.org/", signal, report: (update) => { progress.push(update); } });
  script.asked.length = 0;
  return { model, progress };
}

async function ask(model: LoadedModel, messages: readonly Message[], options: ChatOptions = {}, signal = idle): Promise<{ text: string; pieces: number } & Awaited<ReturnType<LoadedModel["chat"]>>> {
  const pieces: string[] = [];
  const outcome = await model.chat({ model: "browser", messages, options, unknown: [] }, (text) => { pieces.push(text); }, signal);
  return { ...outcome, text: pieces.join(""), pieces: pieces.length };
}

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

describe("the browser's own model", () => {
  it("is loaded without a download where it is there", async () => {
    const { model, progress } = await load();
    expect(progress.map(({ phase }) => phase)).toEqual(["loading"]);
    expect(model).toMatchObject({ device: "browser", adapter: null, context_window: 100, input: ["text"] });
  });

  it("reports the browser's download", async () => {
    script.availability = "downloadable";
    const engine = setUp();
    expect(await engine.availability()).toBe("downloadable");
    const { progress } = await load(engine);
    expect(progress.map(({ phase, fraction }) => [phase, fraction])).toEqual([["downloading", 0], ["downloading", 0], ["downloading", 0.5], ["loading", null]]);
    expect(await engine.availability()).toBe("available");
  });

  it("is refused where the browser refuses the device, and leaves nothing behind", async () => {
    script.availability = "unavailable";
    await expect(load()).rejects.toMatchObject({ code: "unavailable", data: { reason: "missing_feature" } });
    expect(script.live).toBe(0);
  });

  it("stops loading when asked to, and frees what comes too late", async () => {
    script.availability = "downloadable";
    const stop = new AbortController();
    const loading = load(setUp(), stop.signal);
    stop.abort(new PageError("cancelled", "stopped"));
    await expect(loading).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(() => script.live).toBe(0);
  });

  it("streams an answer, with the browser's own counts", async () => {
    const { model } = await load();
    const { text, pieces, ...outcome } = await ask(model, [{ role: "system", content: "Be kind." }, user("Hello there")]);
    expect(text).toBe("Hello from the browser .");
    expect(pieces).toBe(5);
    expect(outcome).toEqual({ finish_reason: "stop", usage: { prompt_tokens: 6, completion_tokens: 6, cached_tokens: 0 }, warnings: [] });
    expect(script.asked).toEqual([{ create: ["system: Be kind."] }, { prompt: ["user: Hello there"] }]);
  });

  it("goes on in the session that holds the conversation, and begins anew for another", async () => {
    const { model } = await load();
    script.answers = ["One .", "Two .", "Three ."];
    await ask(model, [user("a")]);
    const second = await ask(model, [user("a"), assistant("One ."), { role: "tool", content: "found" }, user("b")]);
    expect(second.usage).toEqual({ prompt_tokens: 9, completion_tokens: 3, cached_tokens: 5 });
    await ask(model, [user("a"), assistant("Changed."), user("b")]);
    expect(script.asked).toEqual([
      { create: [] },
      { prompt: ["user: a"] },
      { prompt: ["user: found", "user: b"] },
      { create: ["user: a", "assistant: Changed."] },
      { prompt: ["user: b"] },
    ]);
    expect(script.live).toBe(2); // the empty session, and the last conversation
    await model.unload();
    await expect.poll(() => script.live).toBe(0);
  });

  it("stops at once when the caller does, and answers the next prompt", async () => {
    const { model } = await load();
    script.answers = ["One HANG", "Two ."];
    const stop = new AbortController();
    const pieces: string[] = [];
    const chat = model.chat({ model: "browser", messages: [user("a")], options: {}, unknown: [] }, (text) => { pieces.push(text); stop.abort(); }, stop.signal);
    expect(await chat).toMatchObject({ finish_reason: "cancelled", usage: { completion_tokens: 1 } });
    expect(pieces).toEqual(["One "]);
    expect((await ask(model, [user("a")])).text).toBe("Two .");
    await expect.poll(() => script.live).toBe(2);
  });

  it("ends at a stop text, and after max_tokens, for which the browser has no options", async () => {
    const { model } = await load();
    script.answers = ["One two three four", "a b c d e f g h HANG"];
    expect(await ask(model, [user("a")], { stop: ["three"] })).toMatchObject({ text: "One two ", finish_reason: "stop" });
    const cut = await ask(model, [user("a")], { max_tokens: 3 });
    expect(cut.finish_reason).toBe("length");
    expect(cut.usage.completion_tokens).toBeGreaterThanOrEqual(3);
    expect("a b c d e f g h ".startsWith(cut.text)).toBe(true);
  });

  it("is constrained by a JSON schema, and by nothing else", async () => {
    const { model } = await load();
    const schema = { type: "object", properties: { city: { type: "string" } } };
    expect((await ask(model, [user("Where?")], { response_format: { type: "json_schema", json_schema: { name: "x", schema } } })).text).toBe('{"city":"Oslo"}');
    expect(script.asked.at(-1)).toEqual({ prompt: ["user: Where?"], responseConstraint: schema });
    await ask(model, [user("Where?")], { response_format: { type: "json_object" } });
    expect(script.asked.at(-1)).toMatchObject({ responseConstraint: { type: "object" } });
    const grammar = ask(model, [user("Where?")], { response_format: { type: "grammar", grammar: "root ::= x" } });
    await expect(grammar).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "response_format" } });
  });

  it("says which options the browser lets a page set, and samples where it does", async () => {
    const { model } = await load();
    expect(model.options).toEqual({ temperature: false, top_k: false });
    await ask(model, [user("a")]);
    expect(script.asked[0]).toEqual({ create: [] });
    script.params = { defaultTopK: 3, maxTopK: 8, defaultTemperature: 1, maxTemperature: 2 };
    const extension = await load();
    expect(extension.model.options).toEqual({ temperature: 2, top_k: 8 });
    await ask(extension.model, [user("a")], { temperature: 1.5 });
    expect(script.asked[0]).toEqual({ create: [], topK: 3, temperature: 1.5 });
  });

  it("refuses what is longer than its window before the browser drops anything", async () => {
    const { model } = await load();
    const long = ask(model, [user("word ".repeat(200))]);
    await expect(long).rejects.toMatchObject({ code: "context_exceeded", data: { prompt_tokens: 201, context_window: 100 } });
  });

  it("says when the browser has dropped messages all the same, and does not go on in that session", async () => {
    const { model } = await load();
    await ask(model, [user("a")]);
    // The context window that the browser reports is not the one that it enforces.
    Object.assign(script, { window: 4, drops: true });
    const { warnings } = await ask(model, [user("a"), assistant("Hello from the browser ."), user("b")]);
    expect(warnings.map(({ parameter }) => parameter)).toEqual(["messages"]);
    await expect.poll(() => script.live).toBe(1);
  });

  it("counts tokens as the browser does", async () => {
    const { model } = await load();
    expect(await model.countTokens({ text: "one two three" }, idle)).toBe(3);
    expect(await model.countTokens({ messages: [{ role: "system", content: "Be kind." }, user("a b")] }, idle)).toBe(6);
  });

  it("goes on with an answer that has begun, and takes a system message first alone", async () => {
    const { model } = await load();
    await ask(model, [user("a"), assistant("Once")]);
    expect(script.asked).toEqual([{ create: ["user: a"] }, { prompt: ["assistant+: Once"] }]);
    const late = ask(model, [user("a"), { role: "system", content: "x" }, user("b")]);
    await expect(late).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "messages[1].role" } });
    await expect(ask(model, [{ role: "system", content: "x" }])).rejects.toMatchObject({ code: "invalid_request" });
    const image = ask(model, [{ role: "user", content: [{ type: "image", url: "data:image/png;base64,AA==" }] }]);
    await expect(image).rejects.toMatchObject({ code: "unsupported" });
    await expect(model.embed({ model: "browser", input: ["a"] }, idle)).rejects.toMatchObject({ code: "unsupported" });
  });

  it("works with the names of older browsers, and without counts", async () => {
    const old = new Proxy(ScriptedLanguageModel, {
      get: (target, name) => name === "create" ? async (options: object) => withOldNames(await target.create(options)) : name === "params" ? undefined : Reflect.get(target, name) as unknown,
    }) as unknown as LanguageModelStatic;
    const { model } = await load(setUp(old));
    expect(model.context_window).toBe(100);
    expect((await ask(model, [user("a")])).usage.prompt_tokens).toBe(2);
    expect(await model.countTokens({ text: "one two" }, idle)).toBe(2);
  });
});

/** The attributes as they were before the rename. */
function withOldNames(session: object): object {
  const renamed: Readonly<Record<string, string | undefined>> = { inputQuota: "contextWindow", inputUsage: "contextUsage", measureInputUsage: "measureContextUsage" };
  return new Proxy(session, {
    get: (target, name) => {
      if (Object.values(renamed).includes(String(name))) return undefined;
      const value = Reflect.get(target, renamed[String(name)] ?? name, target) as unknown;
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

describe("what the browser's model says", () => {
  it.each([
    ["QuotaExceededError", "context_exceeded"],
    ["NotAllowedError", "unavailable"],
    ["NotSupportedError", "unsupported"],
    ["NotReadableError", "content_filtered"],
    ["NetworkError", "download_interrupted"],
    ["AbortError", "cancelled"],
    ["TypeError", "invalid_request"],
    ["UnknownError", "internal"],
  ])("%s means %s", (name, code) => {
    expect(errorOf({ name, message: "no", requested: 9, quota: 5 })).toMatchObject({ code, message: expect.stringContaining("no") as string });
  });
});

describe("an engine of the window", () => {
  const window = { has: (name: string) => name === "prompt-api", open: () => { const { port1, port2 } = new MessageChannel(); serveLanguageModel(port2, ScriptedLanguageModel); return port1; } };

  it("is in the page where the window has it, and says whether its model is there", async () => {
    const registry = new EngineRegistry(engines, window);
    expect(registry.list().map(({ name }) => name)).toEqual(["webllm", "transformersjs", "prompt-api"]);
    expect(await registry.availability()).toEqual({ "prompt-api": "available" });
  });

  it("does not keep a probe waiting when its window does not answer", async () => {
    const { port1 } = new MessageChannel();
    const entry = { name: "silent", version: "", devices: ["browser"], capabilities: ["chat"], options: {}, in_window: true, import: () => Promise.resolve(new PromptApiEngine(port1, 1)) } as const;
    expect(await new EngineRegistry([entry], { ...window, has: () => true }).availability()).toEqual({});
    port1.close();
  });

  it("is not in the page of another browser, which says so", async () => {
    const registry = new EngineRegistry(engines);
    expect(registry.list().map(({ name }) => name)).toEqual(["webllm", "transformersjs"]);
    expect(await registry.availability()).toEqual({});
    await expect(registry.get("prompt-api", "browser")).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("does not offer") as string });
  });
});
