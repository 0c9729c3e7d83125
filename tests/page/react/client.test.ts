/** The client: it mirrors the state, calls actions, and tells its callers when the connection ends. */

import { expect, test, vi } from "vitest";
import { createClient, type AppPipe } from "@browserllm/react/client";
import { EMPTY_STATE } from "@browserllm/react/state";
import { make, scriptedClient } from "@browserllm/react/testing";

/** A pipe whose other end is the test. */
function byHand(): { pipe: AppPipe; sent: unknown[]; receive: (message: object) => void; end: (reason?: unknown) => void; closed: () => number } {
  const sent: unknown[] = [];
  let receive: (text: string) => void = () => undefined;
  let end: (reason?: unknown) => void = () => undefined;
  let closed = 0;
  const pipe: AppPipe = {
    send: (text) => { sent.push(JSON.parse(text)); },
    onText: (callback) => {
      receive = callback;
      return () => undefined;
    },
    onClose: (callback) => {
      end = callback;
      return () => undefined;
    },
    close: () => { closed += 1; },
  };
  return { pipe, sent, receive: (message) => { receive(JSON.stringify(message)); }, end: (reason) => { end(reason); }, closed: () => closed };
}

test("a client says hello and is ready when the state came", async () => {
  const { pipe, sent, receive } = byHand();
  const client = createClient(pipe);
  expect(sent).toEqual([{ type: "hello" }]);
  expect(client.getState()).toBe(EMPTY_STATE);
  receive({ type: "state", state: { ...EMPTY_STATE, version: "9" } });
  await client.ready;
  expect(client.getState().version).toBe("9");
});

test("a patch changes its path and leaves the identity of everything else", () => {
  const { pipe, receive } = byHand();
  const client = createClient(pipe);
  const threads = { a: make("Thread", { id: "a", messages: { m: make("ChatMessage", { id: "m", role: "user" }) } }), b: make("Thread", { id: "b" }) };
  receive({ type: "state", state: { ...EMPTY_STATE, threads } });
  const before = client.getState();
  const listener = vi.fn();
  client.subscribe(listener);
  receive({ type: "patch", patches: [{ op: "set", path: ["threads", "a", "status"], value: "streaming" }, { op: "append", path: ["version"], value: "1" }] });
  const after = client.getState();
  expect(listener).toHaveBeenCalledTimes(1);
  expect(after.threads.a?.status).toBe("streaming");
  expect(after.version).toBe("1");
  expect(before.threads.a?.status).toBe("ready");
  expect(after.threads.a?.messages).toBe(before.threads.a?.messages);
  expect(after.threads.b).toBe(before.threads.b);
  expect(after.settings).toBe(before.settings);
});

const INHERITED = ["constructor", "__proto__", "toString", "hasOwnProperty"];

test("what is looked up by an id has no names but ids, from the start and after every change", () => {
  const { pipe, receive } = byHand();
  const client = createClient(pipe);
  const nothingInherited = (): void => {
    const { models, downloads, conversations, threads, approvals, clouds } = client.getState();
    const dictionaries = [models, downloads, conversations, threads, approvals, clouds, ...Object.values(threads).flatMap(({ messages, children }) => [messages, children])];
    for (const dictionary of dictionaries) expect(INHERITED.filter((id) => (dictionary as Record<string, unknown>)[id] !== undefined)).toEqual([]);
  };
  nothingInherited();
  receive({ type: "state", state: { ...EMPTY_STATE, threads: { a: make("Thread", { id: "a" }) } } });
  nothingInherited();
  const set = (path: string[], value: unknown): void => { receive({ type: "patch", patches: [{ op: "set", path, value }] }); };
  set(["threads", "b"], make("Thread", { id: "b", messages: { m: make("ChatMessage", { id: "m", role: "user" }) } }));
  set(["threads", "a", "messages"], {});
  set(["threads", "b", "messages", "n"], make("ChatMessage", { id: "n", role: "user" }));
  set(["conversations"], {});
  nothingInherited();
  receive({ type: "patch", patches: [{ op: "delete", path: ["threads", "b", "messages", "m"] }, { op: "delete", path: ["threads", "a"] }] });
  nothingInherited();
  expect(Object.keys(client.getState().threads["b"]?.messages ?? {})).toEqual(["n"]);
  receive({ type: "state", state: { ...EMPTY_STATE, version: "2" } });
  nothingInherited();
  set([], { ...EMPTY_STATE, version: "3" });
  nothingInherited();
});

test("an id may be a name that objects inherit", () => {
  const { pipe, receive } = byHand();
  const client = createClient(pipe);
  receive({ type: "state", state: EMPTY_STATE });
  for (const id of INHERITED) {
    receive({ type: "patch", patches: [{ op: "set", path: ["threads", id], value: make("Thread", { id }) }] });
    receive({ type: "patch", patches: [{ op: "set", path: ["threads", id, "status"], value: "streaming" }] });
    expect(client.getState().threads[id]).toMatchObject({ id, status: "streaming" });
  }
  expect(Object.keys(client.getState().threads)).toEqual(INHERITED);
});

test("a state that comes again keeps the identity of what is equal, and tells the listeners of changes only", () => {
  const { pipe, receive } = byHand();
  const client = createClient(pipe);
  receive({ type: "state", state: { ...EMPTY_STATE, version: "1" } });
  const before = client.getState();
  const listener = vi.fn();
  client.subscribe(listener);
  receive({ type: "state", state: { ...EMPTY_STATE, version: "1" } });
  expect(client.getState()).toBe(before);
  expect(listener).not.toHaveBeenCalled();
  receive({ type: "state", state: { ...EMPTY_STATE, version: "2" } });
  expect(client.getState().settings).toBe(before.settings);
  expect(listener).toHaveBeenCalledTimes(1);
});

test("a patch that does not fit makes the client ask for the whole state once", () => {
  const complaint = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const { pipe, sent, receive } = byHand();
  const client = createClient(pipe);
  receive({ type: "state", state: EMPTY_STATE });
  receive({ type: "patch", patches: [{ op: "append", path: ["threads", "gone", "text"], value: "x" }] });
  receive({ type: "patch", patches: [{ op: "set", path: ["version"], value: "old" }] });
  expect(sent.slice(1)).toEqual([{ type: "hello" }]);
  expect(client.getState().version).toBe("");
  receive({ type: "state", state: { ...EMPTY_STATE, version: "new" } });
  receive({ type: "patch", patches: [{ op: "append", path: ["version"], value: "er" }] });
  expect(client.getState().version).toBe("newer");
  expect(complaint).toHaveBeenCalledTimes(1);
  complaint.mockRestore();
});

test("a call resolves with its result, after its events", async () => {
  const { pipe, sent, receive } = byHand();
  const client = createClient(pipe);
  const events: unknown[] = [];
  const call = client.call("generate", { messages: [] }, { onEvent: (event) => events.push(event) });
  expect(sent[1]).toEqual({ type: "call", id: 1, action: "generate", args: { messages: [] } });
  receive({ type: "event", id: 1, value: { type: "text", text: "Hi", value: null } });
  receive({ type: "event", id: 2, value: { type: "text", text: "not mine", value: null } });
  receive({ type: "result", id: 1, value: { text: "Hi" } });
  await expect(call).resolves.toEqual({ text: "Hi" });
  expect(events).toEqual([{ type: "text", text: "Hi", value: null }]);
});

test("a failed call rejects with what to do", async () => {
  const { pipe, receive } = byHand();
  const call = createClient(pipe).call("models.refresh");
  const error = make("ErrorInfo", { code: "quota_exceeded", title: "Full", message: "no room", remedy: "Delete models.", actions: ["free_space"], data: { needed: 5 } });
  receive({ type: "error", id: 1, error });
  await expect(call).rejects.toMatchObject({ name: "BrowserLLMError", ...error });
});

test("arguments that cannot be written as JSON fail their own call, and no other", async () => {
  const { pipe, sent, receive, closed } = byHand();
  const client = createClient(pipe);
  const other = client.call("models.refresh");
  const circle: { messages: unknown[] } = { messages: [] };
  circle.messages.push(circle);
  for (const args of [circle, { messages: [1n] }]) {
    await expect(client.call("generate", args as never)).rejects.toMatchObject({ name: "BrowserLLMError", code: "invalid_request", cause: expect.any(TypeError) as unknown });
  }
  expect(sent).toHaveLength(2);
  expect(closed()).toBe(0);
  receive({ type: "result", id: 1, value: null });
  await expect(other).resolves.toBeNull();
});

test("half a character is replaced, and whole ones and backslashes stay", () => {
  const { pipe, sent } = byHand();
  const raw: string[] = [];
  const client = createClient({ ...pipe, send: (text) => { raw.push(text); pipe.send(text); } });
  const texts = ["half \ud83d of it", "end \ud83d", "\udc4b", "👋", "C:\\ud83d", "\\\ud83d", "\u0000"];
  for (const id of texts) void client.call("conversations.delete", { id });
  expect(sent.slice(1).map((message) => (message as { args: { id: string } }).args.id)).toEqual(["half \ufffd of it", "end \ufffd", "\ufffd", "👋", "C:\\ud83d", "\\\ufffd", "\u0000"]);
  expect(raw.join("")).not.toMatch(/[^\\]\\ud83d of/);
});

test("a mistake in a callback for events stays out of the pipe", async () => {
  const later = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(() => undefined);
  const { pipe, receive } = byHand();
  const mistake = new Error("a mistake of the caller's");
  const call = createClient(pipe).call("generate", { messages: [] }, { onEvent: () => { throw mistake; } });
  expect(() => { receive({ type: "event", id: 1, value: {} }); }).not.toThrow();
  expect(later.mock.lastCall?.[0]).toThrow(mistake);
  later.mockRestore();
  receive({ type: "result", id: 1, value: { text: "Hi" } });
  await expect(call).resolves.toEqual({ text: "Hi" });
});

test("aborting a call cancels it and rejects at once; what still comes of it is dropped", async () => {
  const { pipe, sent, receive } = byHand();
  const client = createClient(pipe);
  const abort = new AbortController();
  const events = vi.fn();
  const call = client.call("generate", { messages: [] }, { signal: abort.signal, onEvent: events });
  abort.abort("enough");
  await expect(call).rejects.toMatchObject({ code: "cancelled", cause: "enough" });
  expect(sent.at(-1)).toEqual({ type: "cancel", id: 1 });
  receive({ type: "event", id: 1, value: {} });
  receive({ type: "error", id: 1, error: make("ErrorInfo", { code: "cancelled", title: "", message: "" }) });
  expect(events).not.toHaveBeenCalled();
});

test("a signal that is aborted already sends nothing, and one that is aborted after the result cancels nothing", async () => {
  const { pipe, sent, receive } = byHand();
  const client = createClient(pipe);
  await expect(client.call("models.refresh", {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
  expect(sent).toHaveLength(1);
  const abort = new AbortController();
  const call = client.call("models.refresh", {}, { signal: abort.signal });
  receive({ type: "result", id: 1, value: null });
  await call;
  abort.abort();
  expect(sent).toHaveLength(2);
});

test("when Python is gone, calls in progress and later ones reject and say so", async () => {
  const { pipe, end, closed } = byHand();
  const client = createClient(pipe);
  const told = vi.fn();
  client.onClose(told);
  const call = client.call("models.refresh");
  end(new Error("out of memory"));
  end();
  await expect(call).rejects.toMatchObject({ code: "disconnected", message: "the connection to browserllm is closed: out of memory" });
  await expect(client.call("models.refresh")).rejects.toMatchObject({ code: "disconnected" });
  await expect(client.ready).rejects.toMatchObject({ code: "disconnected" });
  expect(told).toHaveBeenCalledTimes(1);
  expect(closed()).toBe(1);
  const late = vi.fn();
  const unwanted = vi.fn();
  client.onClose(late);
  client.onClose(unwanted)();
  await Promise.resolve();
  expect(late).toHaveBeenCalledTimes(1);
  expect(unwanted).not.toHaveBeenCalled();
});

test("closing rejects what is in progress, and is no loss of the connection", async () => {
  const { pipe, closed } = byHand();
  const client = createClient(pipe);
  const told = vi.fn();
  client.onClose(told);
  const call = client.call("models.refresh");
  client.close();
  await expect(call).rejects.toMatchObject({ code: "disconnected" });
  expect(told).not.toHaveBeenCalled();
  expect(closed()).toBe(1);
});

test("a pipe that cannot send ends the connection", async () => {
  const { pipe } = byHand();
  const client = createClient(pipe);
  const broken = vi.spyOn(pipe, "send").mockImplementation(() => { throw new Error("the socket is closed"); });
  await expect(client.call("models.refresh")).rejects.toMatchObject({ code: "disconnected" });
  await expect(client.call("models.refresh")).rejects.toMatchObject({ code: "disconnected" });
  expect(broken).toHaveBeenCalledTimes(1);
});

test("an error without a call is shown to the developer", () => {
  const complaint = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const { pipe, receive } = byHand();
  createClient(pipe);
  receive({ type: "error", id: null, error: make("ErrorInfo", { code: "protocol", title: "", message: "the page sent 'x'" }) });
  expect(complaint.mock.calls[0]?.[0]).toMatchObject({ code: "protocol", message: "the page sent 'x'" });
  complaint.mockRestore();
});

test("a scripted app answers on its clock", async () => {
  const client = scriptedClient({ answers: ["One two three."] });
  const conversation = client.call("conversations.create");
  await client.app.advance(0);
  const id = await conversation;
  const sent = client.call("chat.send", { conversation: id, parts: [{ type: "text", text: "Count." }] });
  await client.app.advance(100);
  expect(await sent).toBe("message-2");
  const shown = (): unknown[] => {
    const thread = client.getState().threads[id];
    return (thread?.path ?? []).map((each) => [thread?.messages[each]?.status, thread?.messages[each]?.parts]);
  };
  expect(shown()).toEqual([
    ["done", [{ type: "text", text: "Count.", state: "done" }]],
    ["streaming", [{ type: "text", text: "One", state: "streaming" }]],
  ]);
  await client.app.advance(20);
  expect(shown()[1]).toEqual(["streaming", [{ type: "text", text: "One two", state: "streaming" }]]);
  await client.app.advance(100);
  expect(shown()[1]).toEqual(["done", [{ type: "text", text: "One two three.", state: "done" }]]);
  expect(client.getState()).toEqual(client.app.state);
  expect(client.getState().threads[id]?.status).toBe("ready");
});
