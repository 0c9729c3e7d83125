// @vitest-environment happy-dom
/** useChat, in StrictMode, over a scripted app. */

import { act } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { useChat, type UseChat, type UseChatOptions } from "@browserllm/react";
import { make, sampleState, scriptedError, type ScriptedClient } from "@browserllm/react/testing";
import { failOnComplaints, renderOver, texts } from "./helpers.tsx";

failOnComplaints();

type Options = UseChatOptions | undefined;
const chatOf = (props: Options): UseChat => useChat(props);
const statuses = (chat: UseChat): string[] => chat.messages.map(({ metadata }) => metadata.status);
const callsOf = ({ client }: { readonly client: ScriptedClient }, action: string): unknown[] =>
  client.app.calls.filter((call) => call.action === action).map(({ args }) => args);

describe("sending", () => {
  test("a message is shown at once, and the answer grows until the status is ready again", async () => {
    const { result, advance } = await renderOver(chatOf, { answers: ["Hello to you."] });
    expect(result.current).toMatchObject({ messages: [], queue: [], status: "ready", error: undefined, thread: null });
    let sent: Promise<string | null> = Promise.resolve(null);
    act(() => { sent = result.current.sendMessage({ text: "Hello" }); });
    expect(texts(result.current.messages)).toEqual(["Hello"]);
    expect(result.current.status).toBe("submitted");
    await advance(50);
    expect(await sent).toBe(result.current.messages[0]?.id);
    expect(result.current.status).toBe("submitted");
    await advance(50);
    expect(result.current.status).toBe("streaming");
    expect(texts(result.current.messages)).toEqual(["Hello", "Hello"]);
    await advance(40);
    expect(texts(result.current.messages)).toEqual(["Hello", "Hello to you."]);
    await advance(100);
    expect(result.current.status).toBe("ready");
    expect(result.current.messages[1]).toMatchObject({
      role: "assistant",
      metadata: { status: "done", answer: { where: "local", model: "pocket" }, branches: { index: 0, count: 1 } },
    });
  });

  test("no render shows a message twice or loses it on its way to the app", async () => {
    const shown: string[][] = [];
    const { run, advance, result } = await renderOver((props: Options) => {
      const chat = useChat(props);
      shown.push(texts(chat.messages.filter(({ role }) => role === "user")));
      return chat;
    });
    await run(() => result.current.sendMessage("One"));
    await advance(1000);
    await run(() => Promise.all([result.current.sendMessage("Two"), result.current.sendMessage("Three")]));
    await advance(1000);
    expect(new Set(shown.map((each) => each.join(" ")))).toEqual(new Set(["", "One", "One Two Three"]));
    const lengths = shown.map((each) => each.length);
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
  });

  test("in StrictMode there is one conversation, with the id that the hook shows", async () => {
    const rendered = await renderOver(chatOf, { props: { settings: { system: "Be brief." } } });
    const { result, run, advance, client } = rendered;
    await run(() => Promise.all([result.current.sendMessage("One"), result.current.sendMessage("Two")]));
    await advance(1000);
    expect(callsOf(rendered, "conversations.create")).toEqual([{ id: result.current.id, keep: true, settings: { system: "Be brief." } }]);
    expect(callsOf(rendered, "conversations.update")).toEqual([]);
    expect(Object.keys(client.getState().conversations)).toEqual([result.current.id]);
    expect(texts(result.current.messages)).toEqual(["One", "Answer 1.", "Two", "Answer 2."]);
  });

  test("nothing is sent of nothing", async () => {
    const rendered = await renderOver(chatOf);
    const { result, run } = rendered;
    expect(await run(() => result.current.sendMessage("  \n"))).toBeNull();
    expect(await run(() => result.current.sendMessage({ text: "", files: [] }))).toBeNull();
    expect(await run(() => result.current.sendMessage({ parts: [] }))).toBeNull();
    expect(rendered.client.app.calls).toEqual([]);
    expect(result.current.status).toBe("ready");
  });

  test("files are read and sent in the order in which messages were sent, however long they take to read", async () => {
    const rendered = await renderOver(chatOf);
    const { result, run, advance } = rendered;
    const image = new File([new Uint8Array([137, 80, 78, 71])], "dot.png", { type: "image/png" });
    const note = new File(["Grüße"], "note.md", { type: "text/markdown" });
    await run(() => Promise.all([result.current.sendMessage({ text: "Look", files: [image, note] }), result.current.sendMessage("And?")]));
    expect(callsOf(rendered, "chat.send")).toMatchObject([
      {
        parts: [
          { type: "file", mediaType: "image/png", filename: "dot.png", url: "data:image/png;base64,iVBORw==", sizeBytes: 4 },
          { type: "file", mediaType: "text/markdown", filename: "note.md", text: "Grüße" },
          { type: "text", text: "Look" },
        ],
      },
      { parts: [{ type: "text", text: "And?" }] },
    ]);
    await advance(1000);
    expect(result.current.messages[0]?.parts).toMatchObject([
      { type: "file", url: "data:image/png;base64,iVBORw==" },
      { type: "file", text: "Grüße", url: "data:text/markdown;charset=utf-8,Gr%C3%BC%C3%9Fe" },
      { type: "text", text: "Look" },
    ]);
  });

  test("a file that no model can read is an error, and nothing is sent", async () => {
    const onError = vi.fn();
    const rendered = await renderOver(chatOf, { props: { onError } });
    const { result, run } = rendered;
    const zip = new File([new Uint8Array([80, 75, 0])], "all.zip", { type: "application/zip" });
    expect(await run(() => result.current.sendMessage({ text: "Read this", files: [zip] }))).toBeNull();
    expect(callsOf(rendered, "chat.send")).toEqual([]);
    expect(result.current).toMatchObject({ status: "error", messages: [], error: { code: "unsupported", data: { filename: "all.zip" } } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(result.current.error);
    const binary = new File([new Uint8Array([0, 1, 255])], "blob");
    expect(await run(() => result.current.sendMessage({ files: [binary] }))).toBeNull();
    expect(result.current.error?.message).toContain("blob");
  });

  test("a message that cannot be sent is taken away, and the error says why", async () => {
    const refuse = (): never => { throw scriptedError({ code: "invalid_request", message: "the text is too long" }); };
    const { result, run } = await renderOver(chatOf, { on: { "chat.send": refuse } });
    expect(await run(() => result.current.sendMessage("Hello"))).toBeNull();
    expect(result.current).toMatchObject({ status: "error", messages: [], error: { code: "invalid_request", message: "the text is too long" } });
    act(() => { result.current.clearError(); });
    expect(result.current).toMatchObject({ status: "ready", error: undefined });
  });
});

describe("waiting", () => {
  test("messages that are sent while an answer is in progress are queued and answered in order", async () => {
    const { result, run, advance } = await renderOver(chatOf);
    await run(() => result.current.sendMessage("One"));
    await advance(100);
    await run(() => Promise.all([result.current.sendMessage("Two"), result.current.sendMessage("Three")]));
    expect(statuses(result.current)).toEqual(["done", "streaming", "queued", "queued"]);
    expect(texts(result.current.queue)).toEqual(["Two", "Three"]);
    expect(result.current.queue[0]).toBe(result.current.messages[2]);
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["One", "Answer 1.", "Two", "Answer 2.", "Three", "Answer 3."]);
    expect(result.current).toMatchObject({ queue: [], status: "ready" });
  });

  test("a message that is sent while the model loads is queued, and answered when it is loaded", async () => {
    const { result, run, advance } = await renderOver(chatOf, { state: { loaded: [] } });
    await run(() => result.current.sendMessage("Hello"));
    expect(result.current).toMatchObject({ queue: [{ metadata: { status: "queued" } }], status: "ready" });
    await advance(250);
    expect(result.current).toMatchObject({ queue: [], status: "submitted" });
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["Hello", "Answer 1."]);
  });

  test("a message that is sent while the app starts is queued, and sent when it has started", async () => {
    const rendered = await renderOver(chatOf, { state: { ...sampleState(), status: "starting" } });
    const { result, run, advance, client } = rendered;
    await act(async () => {
      void result.current.sendMessage("Early");
      await client.app.advance(500);
    });
    expect(rendered.client.app.calls).toEqual([]);
    expect(result.current).toMatchObject({ status: "submitted", messages: [{ metadata: { status: "queued" } }] });
    expect(result.current.queue).toEqual(result.current.messages);
    await run(() => { client.app.change((state) => ({ ...state, status: "ready" })); });
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["Early", "Answer 1."]);
  });
});

describe("stopping", () => {
  test("stopping keeps the text so far, and gives queued messages back", async () => {
    const onFinish = vi.fn();
    const { result, run, advance } = await renderOver(chatOf, { answers: ["One two three four."], props: { onFinish } });
    await run(() => result.current.sendMessage("Count"));
    await advance(120);
    await run(() => result.current.sendMessage("And then?"));
    const drafts = await run(() => result.current.stop());
    expect(texts(drafts)).toEqual(["And then?"]);
    expect(texts(result.current.messages)).toEqual(["Count", "One two"]);
    expect(result.current).toMatchObject({ status: "ready", queue: [], error: undefined });
    expect(statuses(result.current)).toEqual(["done", "stopped"]);
    expect(onFinish).toHaveBeenCalledTimes(1);
    expect(onFinish.mock.calls[0]?.[0]).toMatchObject({ isAbort: true, isError: false, message: { id: result.current.messages[1]?.id } });
    await run(() => result.current.continueAnswer());
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["Count", "One two Answer 2."].map((text) => text.replace("two Answer", "twoAnswer")));
  });

  test("stopping before the app has started gives the message back, and it is never sent", async () => {
    const rendered = await renderOver(chatOf, { state: { status: "starting" } });
    const { result, run, client } = rendered;
    let sent: Promise<string | null> | undefined;
    act(() => { sent = result.current.sendMessage("Too early"); });
    const drafts = await run(() => result.current.stop());
    expect(texts(drafts)).toEqual(["Too early"]);
    await run(() => { client.app.change((state) => ({ ...state, status: "ready" })); });
    expect(await sent).toBeNull();
    expect(callsOf(rendered, "chat.send")).toEqual([]);
    expect(result.current).toMatchObject({ messages: [], status: "ready", error: undefined });
  });
});

describe("branches", () => {
  test("an answer that is given again is a branch beside the first, and one can go back", async () => {
    const { result, run, advance } = await renderOver(chatOf, { answers: ["First.", "Second."] });
    await run(() => result.current.sendMessage("Hello"));
    await advance(1000);
    const first = result.current.messages[1];
    await run(() => result.current.regenerate());
    await advance(1000);
    const second = result.current.messages[1];
    expect(texts(result.current.messages)).toEqual(["Hello", "Second."]);
    expect(second?.metadata.branches).toEqual({ index: 1, count: 2, ids: [first?.id, second?.id] });
    await run(() => result.current.selectBranch(first?.id ?? ""));
    expect(texts(result.current.messages)).toEqual(["Hello", "First."]);
    expect(result.current.messages[1]?.metadata.branches).toMatchObject({ index: 0, count: 2 });
    await run(() => result.current.regenerate({ messageId: second?.id }));
    await advance(1000);
    expect(result.current.messages[1]?.metadata.branches).toMatchObject({ index: 2, count: 3 });
  });

  test("a message that is written anew is a branch with an answer of its own", async () => {
    const { result, run, advance } = await renderOver(chatOf);
    await run(() => result.current.sendMessage("Helo"));
    await advance(1000);
    const id = await run(() => result.current.edit(result.current.messages[0]?.id ?? "", "Hello"));
    await advance(1000);
    expect(result.current.messages[0]?.id).toBe(id);
    expect(texts(result.current.messages)).toEqual(["Hello", "Answer 2."]);
    await run(() => result.current.sendMessage({ text: "Hi", messageId: id ?? "" }));
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["Hi", "Answer 3."]);
    expect(result.current.messages[0]?.metadata.branches).toMatchObject({ index: 2, count: 3 });
  });

  test("deleting a message deletes what follows it", async () => {
    const { result, run, advance } = await renderOver(chatOf);
    await run(() => Promise.all([result.current.sendMessage("One"), result.current.sendMessage("Two")]));
    await advance(1000);
    await run(() => result.current.deleteMessage(result.current.messages[2]?.id ?? ""));
    expect(texts(result.current.messages)).toEqual(["One", "Answer 1."]);
  });
});

describe("errors", () => {
  test("a failed answer is an error with a way out, told once, and the text so far stays", async () => {
    const onError = vi.fn();
    const onFinish = vi.fn();
    const answers = [{ text: "It was", error: { code: "device_lost", title: "The GPU was lost", actions: ["retry" as const] } }, "All good."];
    const { result, run, advance } = await renderOver(chatOf, { answers, props: { onError, onFinish } });
    await run(() => result.current.sendMessage("Tell"));
    await advance(1000);
    expect(result.current).toMatchObject({ status: "error", error: { name: "BrowserLLMError", code: "device_lost", actions: ["retry"] } });
    expect(texts(result.current.messages)).toEqual(["Tell", "It was"]);
    expect(result.current.messages[1]?.metadata).toMatchObject({ status: "error", error: { code: "device_lost" } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(result.current.error);
    expect(onFinish.mock.calls[0]?.[0]).toMatchObject({ isError: true, isAbort: false });
    act(() => { result.current.clearError(); });
    expect(result.current).toMatchObject({ status: "ready", error: undefined });
    await run(() => result.current.regenerate());
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["Tell", "All good."]);
    expect(result.current).toMatchObject({ status: "ready", error: undefined });
  });

  test("functions do not reject: what fails is the error", async () => {
    const { result, run, advance } = await renderOver(chatOf);
    await run(() => result.current.sendMessage("Hello"));
    await advance(1000);
    const failing: (() => Promise<unknown>)[] = [
      () => result.current.deleteMessage("gone"),
      () => result.current.selectBranch("gone"),
      () => result.current.edit("gone", "x"),
      () => result.current.regenerate({ messageId: "gone" }),
      () => result.current.addToolApprovalResponse({ id: "gone", approved: true }),
    ];
    for (const fail of failing) {
      await run(fail);
      expect(result.current.status).toBe("error");
      expect(result.current.error?.message).toContain("gone");
      act(() => { result.current.clearError(); });
    }
  });

  test("when Python is gone the chat says so, and keeps what was there", async () => {
    const onError = vi.fn();
    const { result, run, advance, client } = await renderOver(chatOf, { props: { onError } });
    await run(() => result.current.sendMessage("Hello"));
    await advance(120);
    await run(() => { client.app.crash(); });
    expect(result.current).toMatchObject({ status: "error", error: { code: "disconnected" } });
    expect(texts(result.current.messages)).toEqual(["Hello", "Answer 1."]);
    expect(onError).toHaveBeenCalledTimes(1);
    expect(await run(() => result.current.sendMessage("Still there?"))).toBeNull();
    expect(result.current.error?.code).toBe("disconnected");
  });
});

describe("components that come and go", () => {
  test("after unmount nothing renders, the answer goes on, and the conversation is closed", async () => {
    const rendered = await renderOver(chatOf, { answers: ["One two three."] });
    const { result, run, advance, unmount, renders, client } = rendered;
    await run(() => result.current.sendMessage("Count"));
    await advance(100);
    const id = result.current.id;
    renders();
    unmount();
    await advance(1000);
    expect(renders()).toBe(0);
    expect(callsOf(rendered, "chat.stop")).toEqual([]);
    expect(callsOf(rendered, "conversations.close")).toEqual([{ id }]);
    expect(client.getState().threads).toEqual({});
  });

  test("with cancelOnUnmount the answer is stopped, by the option of the last render", async () => {
    const rendered = await renderOver(chatOf, { props: { cancelOnUnmount: false } });
    const { result, run, advance, rerender, unmount } = rendered;
    await run(() => result.current.sendMessage("Count"));
    await advance(100);
    rerender({ cancelOnUnmount: true });
    unmount();
    await advance(100);
    expect(callsOf(rendered, "chat.stop")).toEqual([{ conversation: result.current.id }]);
  });

  test("a conversation of the component alone that is not kept is deleted with it", async () => {
    const rendered = await renderOver(chatOf, { props: { keep: false } });
    const { result, run, advance, unmount, client } = rendered;
    await run(() => result.current.sendMessage("Between us"));
    expect(client.getState().conversations).toEqual({});
    unmount();
    await advance(1000);
    expect(callsOf(rendered, "conversations.delete")).toEqual([{ id: result.current.id }]);
    expect(client.getState().threads).toEqual({});
  });

  test.each([
    ["before it is created", false],
    ["while it is created", true],
  ])("a conversation that is not kept leaves nothing behind when its component goes %s", async (_, isOnItsWay) => {
    const rendered = await renderOver(chatOf, { props: { keep: false } });
    const { result, advance, unmount, client } = rendered;
    let sent: Promise<string | null> = Promise.resolve("");
    act(() => { sent = result.current.sendMessage(isOnItsWay ? "Between us" : { text: "Between us", files: [new File(["a"], "a.txt", { type: "text/plain" })] }); });
    if (isOnItsWay) await vi.waitFor(() => { expect(callsOf(rendered, "conversations.create")).toHaveLength(1); });
    unmount();
    await advance(1000);
    await sent;
    await advance(1000);
    expect(client.getState().threads).toEqual({});
    expect(callsOf(rendered, "conversations.delete")).toHaveLength(callsOf(rendered, "conversations.create").length);
  });

  test("a conversation that is kept is closed when its component went while it was created", async () => {
    const rendered = await renderOver(chatOf);
    const { result, advance, unmount, client } = rendered;
    let sent: Promise<string | null> = Promise.resolve("");
    act(() => { sent = result.current.sendMessage({ text: "Look", files: [new File(["a"], "a.txt", { type: "text/plain" })] }); });
    unmount();
    await advance(1000);
    expect(await sent).not.toBeNull();
    await advance(1000);
    expect(Object.keys(client.getState().conversations)).toEqual([result.current.id]);
    expect(client.getState().threads).toEqual({});
  });

  test("two components show the same conversation, and it is closed with the second", async () => {
    const rendered = await renderOver((props: Options) => [useChat(props), useChat(props)] as const, { props: { id: "shared" } });
    const { result, run, advance, client, rerender } = rendered;
    await run(() => result.current[0].sendMessage("Hello"));
    await advance(1000);
    expect(texts(result.current[1].messages)).toEqual(["Hello", "Answer 1."]);
    expect(result.current[0].messages).not.toBe(result.current[1].messages);
    rerender({ id: "other" });
    await advance(0);
    expect(client.app.calls.filter(({ action }) => action === "conversations.close")).toEqual([{ action: "conversations.close", args: { id: "shared" } }]);
    expect(result.current[1].messages).toEqual([]);
  });

  test("another id shows another conversation, and what comes for the first is not shown", async () => {
    const rendered = await renderOver(chatOf, { props: { id: "a" } });
    const { result, run, advance, rerender } = rendered;
    await run(() => result.current.sendMessage("To a"));
    rerender({ id: "b" });
    expect(result.current).toMatchObject({ id: "b", messages: [], status: "ready" });
    await run(() => result.current.sendMessage("To b"));
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["To b", expect.stringMatching(/^Answer/)]);
    rerender({ id: "a" });
    await advance(1000);
    expect(texts(result.current.messages)).toEqual(["To a", expect.stringMatching(/^Answer/)]);
    expect(callsOf(rendered, "conversations.create")).toHaveLength(2);
    expect(callsOf(rendered, "conversations.open")).toEqual([{ id: "a" }]);
  });

  test("a conversation that is only looked at is not created", async () => {
    const rendered = await renderOver(chatOf, { props: { id: "nowhere" } });
    await rendered.advance(1000);
    expect(rendered.client.app.calls).toEqual([]);
  });

  test("a conversation that another page closes is opened again", async () => {
    const rendered = await renderOver(chatOf, { props: { id: "a" } });
    const { result, run, advance, client } = rendered;
    await run(() => result.current.sendMessage("Hello"));
    await advance(1000);
    await run(() => client.call("conversations.close", { id: "a" }));
    await advance(0);
    expect(texts(result.current.messages)).toEqual(["Hello", "Answer 1."]);
  });

  test("callbacks and settings of the last render count", async () => {
    const [first, second] = [vi.fn(), vi.fn()];
    const rendered = await renderOver(chatOf, { props: { onFinish: first, settings: { temperature: 0 } } });
    const { result, run, advance, rerender } = rendered;
    const { sendMessage } = result.current;
    await run(() => sendMessage("Hello"));
    rerender({ onFinish: second, settings: { temperature: 1 } });
    rerender({ onFinish: second, settings: { temperature: 1 } });
    await advance(1000);
    expect(first).not.toHaveBeenCalled();
    expect(second).toHaveBeenCalledTimes(1);
    expect(second.mock.calls[0]?.[0]).toMatchObject({ finishReason: "stop", isAbort: false, messages: result.current.messages });
    expect(callsOf(rendered, "conversations.update")).toEqual([{ id: result.current.id, settings: { temperature: 1 } }]);
  });

  test("settings are passed on to a conversation that exists already", async () => {
    const conversations = { old: make("Conversation", { id: "old", title: "Old", createdAt: 0, updatedAt: 0 }) };
    const rendered = await renderOver(chatOf, { state: { conversations }, props: { id: "old", settings: { system: "Be brief." } } });
    await rendered.advance(0);
    expect(rendered.client.getState().conversations["old"]?.settings.system).toBe("Be brief.");
    expect(callsOf(rendered, "conversations.update")).toHaveLength(1);
  });
});

describe("renders", () => {
  test("an update renders once; functions, the list's other messages and unrelated state render nothing anew", async () => {
    const { result, run, advance, renders, client } = await renderOver(chatOf, { answers: ["First.", "One two three four five."] });
    await run(() => result.current.sendMessage("Hello"));
    await advance(1000);
    const before = result.current;
    await run(() => result.current.sendMessage("Count"));
    renders();
    await advance(100);
    expect(renders()).toBe(1);
    await advance(20);
    await advance(20);
    expect(renders()).toBe(2);
    expect(result.current.messages[0]).toBe(before.messages[0]);
    expect(result.current.messages[1]).toBe(before.messages[1]);
    const functions = Object.entries(before).filter(([, value]) => typeof value === "function");
    expect(functions).toHaveLength(9);
    for (const [name, value] of functions) expect(result.current[name as keyof UseChat], name).toBe(value);
    await run(() => { client.app.change((state) => ({ ...state, totals: { ...state.totals, answers: 7 }, storage: { ...state.storage, usedBytes: 1 } })); });
    expect(renders()).toBe(0);
  });

  test("with throttle, text renders at most so often, and status changes at once", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: 0 });
    try {
      const answers = [{ chunks: Array.from({ length: 40 }, (_, index) => `${index} `) }];
      const { result, run, advance, renders } = await renderOver(chatOf, { answers, pace: { chunkMs: 10 }, props: { throttle: 100 } });
      await run(() => result.current.sendMessage("Count"));
      renders();
      for (let step = 0; step < 60; step += 1) {
        await act(() => vi.advanceTimersByTime(10));
        await advance(10);
      }
      expect(texts(result.current.messages)[1]).toMatch(/^0 1 .* 39 $/);
      expect(result.current.status).toBe("ready");
      // Five intervals of 100 ms, the begin and the end: not one for each of the 40 pieces.
      expect(renders()).toBeLessThanOrEqual(7);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("parts", () => {
  test("reasoning, tool calls and objects have the shapes of AI SDK", async () => {
    const onToolCall = vi.fn();
    const answers = [{ reasoning: "Let me see.", tool: { name: "clock", input: { zone: "UTC" }, output: "12:00" }, text: "Noon.", object: { hour: 12, minute: 0 } }];
    const { result, run, advance } = await renderOver(chatOf, { answers, props: { onToolCall } });
    await run(() => result.current.sendMessage("What time is it?"));
    await advance(1000);
    expect(result.current.messages[1]?.parts).toEqual([
      { type: "reasoning", text: "Let me see.", state: "done" },
      { type: "dynamic-tool", toolName: "clock", toolCallId: expect.any(String) as string, state: "output-available", input: { zone: "UTC" }, output: "12:00" },
      { type: "text", text: "Noon.", state: "done" },
      { type: "data-object", data: { hour: 12, minute: 0 }, state: "done" },
    ]);
    expect(onToolCall).toHaveBeenCalledTimes(1);
    expect(onToolCall.mock.calls[0]?.[0]).toMatchObject({ toolCall: { toolName: "clock", input: { zone: "UTC" } } });
  });

  test.each([true, false])("a tool call waits for the user's decision: %s", async (approved) => {
    const answers = [{ tool: { name: "delete", input: { file: "a" }, output: "gone", approval: true }, text: "Well." }];
    const { result, run, advance } = await renderOver(chatOf, { answers });
    await run(() => result.current.sendMessage("Delete a"));
    await advance(1000);
    const part = result.current.messages[1]?.parts[0];
    expect(part).toMatchObject({ type: "dynamic-tool", state: "approval-requested", approval: { id: expect.any(String) as string } });
    const id = part?.type === "dynamic-tool" && part.state === "approval-requested" ? part.approval.id : "";
    await run(() => result.current.addToolApprovalResponse({ id, approved, reason: "Because.", arguments: { file: "b" } }));
    await advance(1000);
    expect(result.current.messages[1]?.parts[0]).toMatchObject(
      approved ? { state: "output-available", input: { file: "b" }, output: "gone" } : { state: "output-denied", approval: { approved: false, reason: "Because." } },
    );
    expect(result.current.status).toBe("ready");
  });
});
