// @vitest-environment happy-dom
/** browserllmConnection under the real clients of TanStack AI. */

import { ChatClient, type ConnectConnectionAdapter } from "@tanstack/ai-client";
import { useChat, type UseChatReturn } from "@tanstack/ai-react";
import { act, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, test, vi } from "vitest";
import { browserllmConnection, type AGUIEvent, type ConnectionOptions } from "@browserllm/react/tanstack";
import { make, scriptedClient, type ScriptedClient, type ScriptedOptions } from "@browserllm/react/testing";
import { failOnComplaints } from "./helpers.tsx";

failOnComplaints();

interface Rendered {
  readonly client: ScriptedClient;
  readonly chat: () => UseChatReturn;
  readonly advance: (ms: number) => Promise<void>;
}

async function render(options: ScriptedOptions, settings?: ConnectionOptions["settings"]): Promise<Rendered> {
  const client = scriptedClient(options);
  // The annotation is the proof that the connection has TanStack AI's shape.
  const connection: ConnectConnectionAdapter = browserllmConnection({ client, settings });
  const { result } = renderHook(() => useChat({ connection }), { wrapper: StrictMode });
  const advance = (ms: number): Promise<void> =>
    act(async () => {
      await client.app.advance(ms);
      await new Promise((resolve) => { setTimeout(resolve, 0); });
      await client.app.advance(0);
    });
  await advance(0);
  return { client, chat: () => result.current as UseChatReturn, advance };
}

async function rest({ advance, chat }: Rendered): Promise<void> {
  for (let step = 0; step < 100 && (step === 0 || chat().isLoading); step += 1) await advance(20);
}

test("a conversation streams under useChat, with reasoning, and each request has what was said", async () => {
  const rendered = await render({ answers: [{ reasoning: "Let me think.", text: "Hello to you." }, "Bye."] }, { system: "Be brief." });
  const { chat, client } = rendered;
  act(() => { void chat().sendMessage("Hello"); });
  await rest(rendered);
  expect(chat().messages).toMatchObject([
    { role: "user", parts: [{ type: "text", content: "Hello" }] },
    { role: "assistant", parts: [{ type: "thinking", content: "Let me think." }, { type: "text", content: "Hello to you." }] },
  ]);
  expect(chat()).toMatchObject({ isLoading: false, status: "ready", error: undefined });
  act(() => { void chat().sendMessage("Bye"); });
  await rest(rendered);
  expect(chat().messages).toHaveLength(4);
  expect(client.app.calls[1]?.args).toEqual({
    messages: [
      { role: "user", parts: [{ type: "text", text: "Hello" }] },
      { role: "assistant", parts: [{ type: "text", text: "Hello to you." }] },
      { role: "user", parts: [{ type: "text", text: "Bye" }] },
    ],
    settings: { system: "Be brief." },
  });
});

test("stop ends the answer in Python, and keeps the text so far", async () => {
  const ended = vi.fn();
  const rendered = await render({
    on: {
      generate: (_, { emit, signal }) =>
        new Promise((_resolve, reject) => {
          emit({ type: "text", text: "So far", value: null });
          signal.addEventListener("abort", () => {
            ended();
            reject(new Error("cancelled"));
          });
        }),
    },
  });
  const { chat, advance } = rendered;
  act(() => { void chat().sendMessage("Count"); });
  await advance(0);
  await advance(0);
  expect(chat().isLoading).toBe(true);
  act(() => { chat().stop(); });
  await rest(rendered);
  expect(ended).toHaveBeenCalledTimes(1);
  expect(chat().isLoading).toBe(false);
  expect(chat().messages[1]?.parts).toMatchObject([{ type: "text", content: "So far" }]);
});

test("an error has Python's words, and the next message is answered", async () => {
  const rendered = await render({ answers: [{ error: { code: "out_of_memory", message: "the GPU has no memory left" } }, "Better."] });
  const { chat } = rendered;
  act(() => { void chat().sendMessage("Tell"); });
  await rest(rendered);
  expect(chat().error?.message).toBe("the GPU has no memory left");
  act(() => { void chat().reload(); });
  await rest(rendered);
  expect(chat().error).toBeUndefined();
  expect(chat().messages.at(-1)?.parts).toMatchObject([{ type: "text", content: "Better." }]);
});

test("an object is the structured output of the answer", async () => {
  const rendered = await render({ answers: [{ object: { city: "Rome" } }] }, (data) => ({ schema: { type: "object" }, temperature: data?.["temperature"] as number | undefined }));
  act(() => { void rendered.chat().sendMessage("Where?"); });
  await rest(rendered);
  expect(rendered.chat().messages.at(-1)?.parts).toMatchObject([{ type: "structured-output", status: "complete", data: { city: "Rome" } }]);
  expect(rendered.client.app.calls).toMatchObject([{ args: { settings: { schema: { type: "object" } } } }]);
});

test("the ChatClient without React runs on it, too", async () => {
  const app = scriptedClient({ answers: ["Hello to you."] });
  const client = new ChatClient({ connection: browserllmConnection({ client: Promise.resolve(app) }) });
  const sent = client.sendMessage("Hello");
  for (let step = 0; step < 20; step += 1) {
    await app.app.advance(20);
    await new Promise((resolve) => { setTimeout(resolve, 0); });
  }
  await sent;
  expect(client.getMessages().at(-1)?.parts).toMatchObject([{ type: "text", content: "Hello to you." }]);
});

async function eventsOf(client: ScriptedClient, messages: readonly object[]): Promise<AGUIEvent[]> {
  const events: AGUIEvent[] = [];
  const all = (async () => {
    const run = { threadId: "thread", runId: "run" };
    for await (const event of browserllmConnection({ client }).connect(messages, undefined, undefined, run)) events.push(event);
  })();
  await client.app.advance(1000);
  await all;
  return events;
}

test("the events are AG-UI's: each message begins and ends inside of one run", async () => {
  const events = await eventsOf(scriptedClient({ answers: [{ reasoning: "Hm.", text: "Yes." }] }), [{ role: "user", content: "Well?" }]);
  expect(events.map(({ type }) => type)).toEqual([
    "RUN_STARTED",
    "REASONING_MESSAGE_START",
    "REASONING_MESSAGE_CONTENT",
    "REASONING_MESSAGE_END",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
  ]);
  expect(events.at(-1)).toMatchObject({ threadId: "thread", runId: "run", model: "pocket", finishReason: "stop", usage: { completionTokens: 2, totalTokens: 2 } });
});

test("messages of every kind are read: of TanStack AI, of AG-UI, with images, without what models cannot read", async () => {
  const client = scriptedClient();
  await eventsOf(client, [
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Look" }, { type: "image", source: { type: "data", value: "iVBORw==", mimeType: "image/png" } }] },
    { role: "assistant", content: null },
    { role: "tool", content: "42" },
    { role: "developer", parts: [{ type: "text", content: "And?" }, { type: "text", content: "" }, { type: "tool-call", name: "x" }] },
    { role: "user", content: [{ type: "image", source: { type: "url", value: "https://files.example/a.png" } }, { type: "document", source: { type: "data", value: "SGk=" } }] },
  ]);
  expect(client.app.calls[0]?.args).toEqual({
    messages: [
      { role: "system", parts: [{ type: "text", text: "Be brief." }] },
      { role: "user", parts: [{ type: "text", text: "Look" }, { type: "file", mediaType: "image/png", url: "data:image/png;base64,iVBORw==" }] },
      { role: "user", parts: [{ type: "text", text: "And?" }] },
      { role: "user", parts: [{ type: "file", mediaType: "image/*", url: "https://files.example/a.png" }, { type: "file", mediaType: "application/octet-stream", text: "Hi" }] },
    ],
    settings: {},
  });
});

test("when another backend begins anew, its text is a message of its own", async () => {
  const client = scriptedClient({
    on: {
      generate: (_, { emit }) => {
        for (const [type, text] of [["text", "Half"], ["restart", ""], ["text", "Whole."]] as const) emit({ type, text, value: null });
        return { text: "Whole.", reasoning: "", value: null, answer: make("AnswerInfo", { where: "cloud", backend: "openai", finishReason: "length" }) };
      },
    },
  });
  const events = await eventsOf(client, [{ role: "user", content: "Hello" }]);
  const starts = events.flatMap((event) => (event.type === "TEXT_MESSAGE_START" ? [event.messageId] : []));
  expect(new Set(starts).size).toBe(2);
  expect(events.at(-1)).toMatchObject({ type: "RUN_FINISHED", model: "openai", finishReason: "length" });
});

test("a consumer that leaves stops the model", async () => {
  const client = scriptedClient();
  const events = browserllmConnection({ client }).connect([{ role: "user", content: "Count" }])[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ type: "RUN_STARTED" });
  await client.app.advance(0);
  const sent = vi.spyOn(client.app.pipe, "send");
  await events.return?.();
  expect(sent.mock.calls).toEqual([[JSON.stringify({ type: "cancel", id: 1 })]]);
});
