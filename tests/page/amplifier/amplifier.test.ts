// @vitest-environment happy-dom
/** Agents in a page: their calls of the app, their tools, approvals and streams, over an app that follows a script. */

import { describe, expect, it, vi } from "vitest";
import type { AgentEvent } from "@browserllm/react/actions";
import type { AppClient, CallOptions } from "@browserllm/react/client";
import { BrowserLLMError } from "@browserllm/react/errors";
import { EMPTY_STATE } from "@browserllm/react/state";
import { AmplifierWeb, type Options, type Progress } from "../../../web/amplifier/amplifier.ts";
import { WorkerManager } from "../../../web/amplifier/worker_manager.ts";
import { serviceFor } from "../../../web/widget/service.ts";

type Emit = (event: Partial<AgentEvent> & Pick<AgentEvent, "type">) => void;
type Handler = (args: never, emit: Emit) => unknown;

let sites = 0;

/** An app whose actions are these functions; every call is noted. */
function app(handlers: Record<string, Handler>): { base: string; calls: { action: string; args: Record<string, unknown> }[]; lose: () => void } {
  sites += 1;
  const base = new URL(`/agents-${sites}/`, document.baseURI).href;
  const calls: { action: string; args: Record<string, unknown> }[] = [];
  const known: Record<string, Handler> = {
    "agent.open": () => ({ id: "s1", handle: "opening#1", tools: ["todo_list", "add"] }),
    "agent.execute": () => answer("Hello."),
    "models.load": () => null,
    ...handlers,
  };
  const closeListeners = new Set<(error: BrowserLLMError) => void>();
  const client: AppClient = {
    getState: () => ({ ...EMPTY_STATE, status: "ready" }),
    subscribe: () => () => undefined,
    ready: Promise.resolve(),
    onClose: (listener) => {
      closeListeners.add(listener);
      return () => { closeListeners.delete(listener); };
    },
    close: () => undefined,
    call: (async (action: string, args: Record<string, unknown>, options: CallOptions = {}) => {
      calls.push({ action, args });
      await Promise.resolve();
      const emit: Emit = (event) => (options.onEvent as ((event: AgentEvent) => void) | undefined)?.({ text: "", id: null, name: null, arguments: null, output: null, error: null, options: [], callId: null, ...event });
      return (known[action] ?? (() => null))(args as never, emit);
    }) as AppClient["call"],
  };
  serviceFor(base, () => Promise.resolve(client));
  return { base, calls, lose: () => { for (const listener of [...closeListeners]) listener(failure("disconnected")); } };
}

const answer = (text: string): object => ({ text, inputTokens: 1, outputTokens: 1, costUsd: 0, model: "pocket" });

const failure = (code: string, remedy: string | null = null, data = {}): BrowserLLMError =>
  new BrowserLLMError({ code, title: "", message: `it is ${code}`, remedy, actions: [], data });

async function ready(handlers: Record<string, Handler> = {}, options: Options = {}): Promise<{ agent: AmplifierWeb; calls: ReturnType<typeof app>["calls"] }> {
  const { base, calls } = app(handlers);
  const agent = new AmplifierWeb({ base, ...options });
  await agent.init();
  return { agent, calls };
}

describe("init", () => {
  it("opens the session while the model loads, and tells each stage", async () => {
    let loaded: (value: null) => void = () => undefined;
    const { base, calls } = app({
      "models.load": () => new Promise((resolve) => { loaded = resolve; }),
      "agent.open": (_, emit) => {
        emit({ type: "stage", name: "packages" });
        emit({ type: "stage", name: "session" });
        return { id: "s1", tools: ["todo_list", "add"] };
      },
    });
    const stages: Progress[] = [];
    const add = { name: "add", description: "Adds.", schema: { type: "object" }, execute: () => 3 };
    const agent = new AmplifierWeb({ base, model: "small", fallback: ["pocket"], systemPrompt: "Be brief.", builtinTools: ["todo"], tools: [add], ask: ["add"], temperature: 0, onProgress: (progress) => stages.push(progress) });
    expect([agent.isReady, agent.sessionId, agent.getToolNames()]).toEqual([false, null, ["todo_list", "add"]]);
    const started = agent.init();
    expect(agent.init()).toBe(started);
    await vi.waitFor(() => { expect(calls.map(({ action }) => action).sort()).toEqual(["agent.open", "models.load"]); });
    expect(agent.isReady).toBe(false);
    loaded(null);
    await started;
    expect([agent.isReady, agent.sessionId, agent.model]).toEqual([true, "s1", "small"]);
    expect(stages.map(({ stage }) => stage)).toEqual(["pyodide", "model", "packages", "session", "ready"]);
    expect(calls.find(({ action }) => action === "agent.open")?.args).toEqual({
      settings: { model: "small", system: "Be brief.", temperature: 0, private: false, tools: ["todo_list"] },
      fallback: ["pocket"],
      pageTools: [{ name: "add", description: "Adds.", parameters: { type: "object" } }],
      ask: ["add"],
    });
  });

  it("loads the next model where one cannot be loaded, and none where a cloud comes next", async () => {
    const load = ({ model }: { model: string }): null => {
      if (model === "large") throw failure("out_of_memory");
      return null;
    };
    expect((await ready({ "models.load": load }, { model: "large", fallback: ["pocket"] })).agent.model).toBe("pocket");
    expect((await ready({ "models.load": load }, { model: "large", fallback: ["cloud:c1", "pocket"] })).agent.model).toBeNull();
  });

  it("does not ask for each prompt what could not be loaded", async () => {
    const load = ({ model }: { model: string }): null => {
      if (model !== "pocket") throw failure("out_of_memory");
      return null;
    };
    const { agent, calls } = await ready({ "models.load": load, "agent.change": () => [] }, { model: "large", fallback: ["medium", "pocket", "cloud:c1"] });
    expect(agent.model).toBe("pocket");
    expect(calls.find(({ action }) => action === "agent.change")?.args).toEqual({ agent: "opening#1", model: "pocket", fallback: ["cloud:c1"] });
  });

  it("rejects with the first failure when no model of the chain can be loaded", async () => {
    const { base } = app({ "models.load": ({ model }: { model: string }) => { throw failure(model === "large" ? "out_of_memory" : "model_not_found"); } });
    await expect(new AmplifierWeb({ base, model: "large", fallback: ["nonsense"] }).init()).rejects.toMatchObject({ code: "out_of_memory" });
  });

  it("does not wait for a model when the session cannot be opened", async () => {
    const { base } = app({ "models.load": () => new Promise(() => undefined), "agent.open": () => { throw failure("invalid_request"); } });
    await expect(new AmplifierWeb({ base }).init()).rejects.toMatchObject({ code: "invalid_request", recoverable: false });
  });

  it("takes along what is changed while it runs", async () => {
    let loaded: (value: null) => void = () => undefined;
    const { base, calls } = app({
      "models.load": () => new Promise((resolve) => { loaded = resolve; }),
      "agent.change": ({ pageTool }: { pageTool?: { name: string } }) => ["todo_list", pageTool?.name ?? ""],
    });
    const agent = new AmplifierWeb({ base, systemPrompt: "Old." });
    const started = agent.init();
    await vi.waitFor(() => { expect(calls.map(({ action }) => action)).toContain("agent.open"); });
    await agent.registerTool({ name: "late", description: "Late.", execute: () => 1 });
    await agent.setSystemPrompt("New.");
    expect(calls.map(({ action }) => action)).not.toContain("agent.change");
    loaded(null);
    await started;
    expect(calls.filter(({ action }) => action === "agent.change").map(({ args }) => args)).toEqual([
      { agent: "opening#1", pageTool: { name: "late", description: "Late." } },
      { agent: "opening#1", system: "New." },
    ]);
    expect(agent.getToolNames()).toEqual(["todo_list", "late"]);
  });

  it("ends at once when the agent is disposed, and the session does not stay", async () => {
    const { base, calls } = app({ "models.load": () => new Promise(() => undefined) });
    const agent = new AmplifierWeb({ base });
    const failed = expect(agent.init()).rejects.toMatchObject({ code: "disposed", recoverable: false });
    await vi.waitFor(() => { expect(calls.map(({ action }) => action)).toContain("models.load"); });
    await agent.dispose();
    await failed;
    expect(calls.at(-1)).toEqual({ action: "agent.close", args: { agent: "opening#1" } });
    expect([agent.isReady, agent.sessionId]).toEqual([false, null]);
  });

  it("opens a new session after the connection was lost", async () => {
    const { base, calls, lose } = app({});
    const add = { name: "add", description: "Adds.", execute: () => 3 };
    const agent = new AmplifierWeb({ base, builtinTools: ["todo"], tools: [add] });
    await agent.init();
    lose();
    expect([agent.isReady, agent.sessionId]).toEqual([false, null]);
    await expect(agent.execute("Hi")).rejects.toMatchObject({ code: "not_ready", suggestion: "Await init() first." });
    await agent.init();
    expect(await agent.execute("Hi")).toBe("Hello.");
    const opened = calls.filter(({ action }) => action === "agent.open");
    expect(opened).toHaveLength(2);
    expect(opened[1]?.args).toEqual(opened[0]?.args);
  });

  it("is needed again when the session was opened elsewhere", async () => {
    let open = true;
    const gone = (): object => {
      if (!open) throw failure("invalid_request", null, { parameter: "agent" });
      return answer("Hello.");
    };
    const { agent, calls } = await ready({ "agent.execute": gone, "agent.history": gone });
    for (const call of [() => agent.execute("Hi"), () => agent.getHistory()]) {
      open = false;
      await expect(call()).rejects.toMatchObject({ code: "not_ready", recoverable: true, message: "the session was opened again elsewhere, or ended" });
      expect([agent.isReady, agent.sessionId]).toEqual([false, null]);
      open = true;
      await agent.init();
      expect([agent.isReady, agent.sessionId, await agent.execute("Hi")]).toEqual([true, "s1", "Hello."]);
    }
    expect(calls.filter(({ action }) => action === "agent.open")).toHaveLength(3);
  });

  it("says what failed and what to do, closes the session, and may be tried again", async () => {
    let broken = true;
    const { base, calls } = app({
      "models.load": () => {
        if (broken) throw failure("out_of_memory", "Take a smaller model.");
        return null;
      },
    });
    const agent = new AmplifierWeb({ base });
    const error = await agent.init().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "AmplifierError", code: "out_of_memory", recoverable: true, suggestion: "Take a smaller model.", cause: { name: "BrowserLLMError" } });
    expect(calls.at(-1)).toEqual({ action: "agent.close", args: { agent: "opening#1" } });
    broken = false;
    await agent.init();
    expect(agent.isReady).toBe(true);
  });

  it("knows what trying again does not help", async () => {
    for (const [code, data] of [["invalid_request", {}], ["unavailable", { reason: "missing_feature" }]] as const) {
      const { base } = app({ "agent.open": () => { throw failure(code, null, data); } });
      await expect(new AmplifierWeb({ base }).init()).rejects.toMatchObject({ code, recoverable: false });
    }
  });
});

describe("a prompt", () => {
  it("is answered piece by piece: by a loop, a function, or as a whole", async () => {
    const { agent } = await ready({
      "agent.execute": async (_, emit) => {
        for (const text of ["It ", "is ", "3."]) {
          emit({ type: "text", text });
          await Promise.resolve();
        }
        return answer("It is 3.");
      },
    });
    const pieces: string[] = [];
    for await (const text of agent.executeStreaming("1 + 2?")) pieces.push(text);
    expect(pieces).toEqual(["It ", "is ", "3."]);
    const heard: string[] = [];
    expect(await agent.executeStreaming("1 + 2?", (text) => { heard.push(text); })).toBe("It is 3.");
    expect(heard).toEqual(pieces);
    expect(await agent.execute("1 + 2?")).toBe("It is 3.");
    expect(agent.lastAnswer).toMatchObject({ outputTokens: 1 });
    expect(agent.isExecuting).toBe(false);
  });

  it("runs the page's tools and tells what they throw", async () => {
    const { agent, calls } = await ready({
      "agent.execute": (_, emit) => {
        emit({ type: "page-tool", id: "q1", name: "add", arguments: { a: 1, b: 2 } });
        emit({ type: "page-tool", id: "q2", name: "broken", arguments: {} });
        emit({ type: "page-tool", id: "q3", name: "missing", arguments: {} });
        return new Promise((resolve) => { setTimeout(() => { resolve(answer("Done.")); }); });
      },
      "agent.change": () => ["add", "broken"],
    });
    await agent.registerTool("add", "Adds.", { type: "object" }, ({ a, b }) => Promise.resolve(Number(a) + Number(b)));
    await agent.registerTool({ name: "broken", description: "Fails.", execute: () => { throw new TypeError("no"); } });
    expect(agent.getToolNames()).toEqual(["add", "broken"]);
    await agent.execute("Add");
    expect(calls.filter(({ action }) => action === "agent.reply").map(({ args }) => args)).toEqual(expect.arrayContaining([
      { agent: "opening#1", id: "q1", value: 3 },
      { agent: "opening#1", id: "q2", error: "TypeError: no" },
      { agent: "opening#1", id: "q3", error: "this page has no such tool" },
    ]));
    await expect(agent.registerTool({ name: "two words", description: "", execute: () => 1 })).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "name" } });
    await expect(agent.registerTool({ name: "text", description: "", schema: { type: "string" }, execute: () => 1 })).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "schema" } });
    await expect(agent.registerTool({ name: "none", description: "" } as never)).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "execute" } });
    await expect(agent.registerTool({ name: 5, description: "", execute: () => 1 } as never)).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "name" } });
    await expect(agent.registerTool(null as never)).rejects.toMatchObject({ name: "AmplifierError", code: "invalid_request", message: "null is not a tool; pass an object with name, description, schema and execute" });
    expect(agent.getToolNames()).toEqual(["add", "broken"]);
  });

  it.each([[true, "Allow"], [false, "Deny"], ["Allow", "Allow"], [new Error("closed"), "Deny"], [undefined, "Deny"]])("asks the user about a call: %s", async (says, value) => {
    vi.spyOn(console, "error").mockReturnValue();
    const onApproval = vi.fn(() => {
      if (says instanceof Error) throw says;
      return says as boolean | string;
    });
    const { agent, calls } = await ready(
      {
        "agent.execute": (_, emit) => {
          emit({ type: "approval", id: "q1", callId: "c1", text: "Run add?", name: "add", arguments: { a: 1 }, options: ["Allow", "Deny"] });
          return new Promise((resolve) => { setTimeout(() => { resolve(answer("Done.")); }); });
        },
      },
      says === undefined ? {} : { onApproval },
    );
    await agent.execute("Add");
    expect(calls.at(-1)).toEqual({ action: "agent.reply", args: { agent: "opening#1", id: "q1", value } });
    if (says !== undefined) expect(onApproval).toHaveBeenCalledWith(expect.objectContaining({ prompt: "Run add?", callId: "c1", tool: "add", arguments: { a: 1 }, options: ["Allow", "Deny"] }));
  });
});

/** What is thrown while this runs and reaches the page as an uncaught error. */
async function uncaught(work: () => Promise<unknown>): Promise<unknown[]> {
  const errors: unknown[] = [];
  const queue = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => {
    try { task(); } catch (error) { errors.push(error); }
  });
  await work();
  queue.mockRestore();
  return errors;
}

it("keeps the tools that it has when another one is refused", async () => {
  let refused = false;
  const { agent } = await ready({ "agent.change": () => { if (refused) throw failure("invalid_request"); return ["add"]; } }, { tools: [{ name: "add", description: "Adds.", execute: () => 3 }] });
  refused = true;
  for (const name of ["add", "odd"]) {
    await expect(agent.registerTool({ name, description: "", execute: () => 4 })).rejects.toMatchObject({ code: "invalid_request" });
  }
  expect(agent.getToolNames()).not.toContain("odd");
  expect(agent.getToolNames()).toContain("add");
});

it("goes on when a function of the page throws, and the console has it", async () => {
  const broken = (): never => { throw new TypeError("the page's own mistake"); };
  const handlers: Record<string, Handler> = {
    "agent.execute": (_, emit) => {
      emit({ type: "text", text: "Hel" });
      emit({ type: "restart" });
      emit({ type: "page-tool", id: "q1", name: "add", arguments: {} });
      return new Promise((resolve) => { setTimeout(() => { resolve(answer("Hello.")); }); });
    },
  };
  const { base, calls } = app(handlers);
  const add = { name: "add", description: "Adds.", execute: () => 3 };
  const agent = new AmplifierWeb({ base, tools: [add], onEvent: broken, onProgress: broken });
  const errors = await uncaught(async () => {
    await agent.init();
    expect(await agent.execute("Hi", { onText: broken, onRestart: broken })).toBe("Hello.");
  });
  expect(calls.at(-1)).toEqual({ action: "agent.reply", args: { agent: "opening#1", id: "q1", value: 3 } });
  expect(errors.length).toBeGreaterThanOrEqual(6);
});

describe("cancelling", () => {
  /** An app whose agent works until it is cancelled. */
  function hanging(): { handlers: Record<string, Handler>; begun: Promise<void> } {
    let stop: (error: Error) => void = () => undefined;
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => { begin = resolve; });
    return {
      begun,
      handlers: {
        "agent.execute": (_, emit) => {
          emit({ type: "text", text: "Half " });
          emit({ type: "page-tool", id: "q1", name: "wait", arguments: {} });
          begin();
          return new Promise((_resolve, reject) => { stop = reject; });
        },
        "agent.cancel": () => { stop(failure("cancelled")); return null; },
      },
    };
  }

  it("stops the agent and its tools at once, or lets tools end", async () => {
    const { handlers, begun } = hanging();
    const signals: AbortSignal[] = [];
    const wait = { name: "wait", description: "Waits.", execute: (_: unknown, { signal }: { signal: AbortSignal }) => { signals.push(signal); return new Promise(() => undefined); } };
    const { agent, calls } = await ready(handlers, { tools: [wait] });
    const running = agent.execute("Hi");
    const ended = expect(running).rejects.toMatchObject({ code: "cancelled", recoverable: true });
    await begun;
    expect(agent.isExecuting).toBe(true);
    await expect(agent.execute("Again")).rejects.toMatchObject({ code: "busy" });
    await agent.cancel();
    await ended;
    expect(calls.at(-1)).toEqual({ action: "agent.cancel", args: { agent: "opening#1", immediate: true } });
    expect([agent.isExecuting, signals.map(({ aborted }) => aborted)]).toEqual([false, [true]]);
    await agent.cancel(); // nothing runs
  });

  it("is how a prompt ends when the agent is disposed", async () => {
    const { handlers, begun } = hanging();
    const { agent, calls } = await ready(handlers);
    const running = expect(agent.execute("Hi")).rejects.toMatchObject({ code: "cancelled" });
    await begun;
    await agent.dispose();
    await running;
    expect(calls.slice(-2).map(({ action }) => action)).toEqual(["agent.cancel", "agent.close"]);
    expect([agent.isExecuting, agent.isReady]).toEqual([false, false]);
  });

  it("keeps the history from being cleared under a prompt", async () => {
    const { handlers, begun } = hanging();
    const { agent, calls } = await ready(handlers);
    const running = expect(agent.execute("Hi")).rejects.toMatchObject({ code: "cancelled" });
    await begun;
    await expect(agent.clearHistory()).rejects.toMatchObject({ code: "busy", recoverable: true });
    await agent.cancel();
    await running;
    await agent.clearHistory();
    expect(calls.at(-1)?.args).toEqual({ agent: "opening#1", clear: true });
  });

  it("happens by a signal, and when a loop is left", async () => {
    const first = hanging();
    const { agent, calls } = await ready(first.handlers);
    const abort = new AbortController();
    const running = expect(agent.execute("Hi", { signal: abort.signal })).rejects.toMatchObject({ code: "cancelled" });
    await first.begun;
    abort.abort();
    await running;
    for await (const text of agent.executeStreaming("Hi")) {
      expect(text).toBe("Half ");
      break;
    }
    expect(calls.filter(({ action }) => action === "agent.cancel")).toHaveLength(2);
    await expect(agent.execute("Hi", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    expect(agent.isExecuting).toBe(false);
  });
});

describe("a session", () => {
  it("has a history, a system prompt and an end", async () => {
    const { agent, calls } = await ready({ "agent.history": () => [{ role: "user", content: "Hi" }] });
    expect(await agent.getHistory()).toEqual([{ role: "user", content: "Hi" }]);
    await agent.setSystemPrompt("Be brief.");
    await agent.clearHistory();
    await agent.dispose();
    await agent.dispose();
    expect(calls.slice(-3).map(({ action, args }) => [action, args])).toEqual([
      ["agent.change", { agent: "opening#1", system: "Be brief." }],
      ["agent.change", { agent: "opening#1", clear: true }],
      ["agent.close", { agent: "opening#1" }],
    ]);
    expect(agent.isReady).toBe(false);
    await expect(agent.execute("Hi")).rejects.toMatchObject({ code: "disposed" });
    await expect(agent.init()).rejects.toMatchObject({ code: "disposed" });
  });

  it("is needed before prompts", async () => {
    const { base } = app({});
    await expect(new AmplifierWeb({ base }).execute("Hi")).rejects.toMatchObject({ code: "not_ready" });
    await expect(new AmplifierWeb({ base }).getHistory()).rejects.toMatchObject({ code: "not_ready" });
  });
});

it("a worker manager answers without an agent", async () => {
  const { base, calls } = app({
    generate: (_, emit) => {
      emit({ type: "text", text: "Hel" });
      emit({ type: "text", text: "lo." });
      return { text: "Hello.", reasoning: "", value: null, answer: { model: "pocket", finishReason: "stop", promptTokens: 3, completionTokens: 2 } };
    },
  });
  const manager = new WorkerManager({ base });
  expect(await manager.init({ model: "pocket" })).toBe("pocket");
  const chunks: unknown[] = [];
  const request = { messages: [{ role: "user" as const, content: "Hi" }], max_tokens: 5 };
  const whole = await manager.completeStreaming(request, (chunk) => chunks.push(chunk));
  expect(chunks).toEqual([{ type: "delta", content: "Hel" }, { type: "delta", content: "lo." }]);
  expect(whole).toMatchObject({ object: "chat.completion", choices: [{ message: { content: "Hello." }, finish_reason: "stop" }], usage: { total_tokens: 5 } });
  expect(calls.at(-1)?.args).toEqual({ messages: [{ role: "user", parts: [{ type: "text", text: "Hi" }] }], settings: { model: "pocket", maxTokens: 5 } });
  expect((await manager.complete(request)).id).toBe("chat-2");
});

it("a worker manager tells when an answer begins anew, and what fails", async () => {
  const { base } = app({
    generate: (_, emit) => {
      emit({ type: "text", text: "Half" });
      emit({ type: "restart" });
      throw failure("context_exceeded", "Shorten it.");
    },
    "models.load": ({ model }: { model: string }) => { if (model === "nonsense") throw failure("model_not_found"); return null; },
  });
  const manager = new WorkerManager({ base });
  await expect(manager.init({ model: "nonsense" })).rejects.toMatchObject({ name: "AmplifierError", code: "model_not_found", recoverable: false });
  const chunks: unknown[] = [];
  await expect(manager.completeStreaming({ messages: [{ role: "user", content: "Hi" }] }, (chunk) => chunks.push(chunk))).rejects.toMatchObject({ code: "context_exceeded", suggestion: "Shorten it." });
  expect(chunks).toEqual([{ type: "delta", content: "Half" }, { type: "restart", content: "" }]);
});

it("without WebGPU in the browser there is none", async () => {
  expect(await AmplifierWeb.isWebGPUSupported()).toBe(false);
});
