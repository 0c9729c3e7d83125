// @vitest-environment happy-dom
/** BrowserLLMChatTransport under the real `useChat` of @ai-sdk/react. */

import { useChat, type UseChatHelpers } from "@ai-sdk/react";
import { act, renderHook } from "@testing-library/react";
import type { ChatTransport, UIMessage } from "ai";
import { StrictMode } from "react";
import { expect, test, vi } from "vitest";
import { useChat as useOurChat, type UIMetadata } from "@browserllm/react";
import { BrowserLLMChatTransport, type BrowserLLMMetadata, type ChatTransportOptions } from "@browserllm/react/ai-sdk";
import { make, scriptedClient, type ScriptedClient, type ScriptedOptions } from "@browserllm/react/testing";
import { failOnComplaints } from "./helpers.tsx";

failOnComplaints();

type Message = UIMessage<BrowserLLMMetadata, { object: unknown }>;

interface Rendered {
  readonly client: ScriptedClient;
  readonly chat: () => UseChatHelpers<Message>;
  readonly advance: (ms: number) => Promise<void>;
  readonly onFinish: ReturnType<typeof vi.fn>;
}

async function render(options: ScriptedOptions, settings?: ChatTransportOptions["settings"]): Promise<Rendered> {
  const client = scriptedClient(options);
  // The annotation is the proof that the transport has AI SDK's shape.
  const transport: ChatTransport<Message> = new BrowserLLMChatTransport({ client: Promise.resolve(client), settings });
  const onFinish = vi.fn();
  const { result } = renderHook(() => useChat<Message>({ transport, onFinish }), { wrapper: StrictMode });
  const advance = (ms: number): Promise<void> =>
    act(async () => {
      await client.app.advance(ms);
      await new Promise((resolve) => { setTimeout(resolve, 0); }); // streams settle in tasks
      await client.app.advance(0);
    });
  await advance(0);
  return { client, chat: () => result.current, advance, onFinish };
}

/** Move on until the chat is at rest. */
async function rest({ advance, chat }: Rendered): Promise<void> {
  for (let step = 0; step < 100 && (step === 0 || ["submitted", "streaming"].includes(chat().status)); step += 1) await advance(20);
}

function generated({ client }: Rendered): unknown[] {
  return client.app.calls.filter(({ action }) => action === "generate").map(({ args }) => args);
}

test("a conversation streams, with reasoning and the answer's metadata, and each request has what was said", async () => {
  const rendered = await render({ answers: [{ reasoning: "Let me think.", text: "Hello to you." }, "Bye."] }, { system: "Be brief.", temperature: 0 });
  const { chat, advance, onFinish } = rendered;
  act(() => { void chat().sendMessage({ text: "Hello" }); });
  await advance(0);
  expect(chat().status).toBe("submitted");
  await advance(100);
  await advance(0);
  expect(chat().status).toBe("streaming");
  await rest(rendered);
  expect(chat().status).toBe("ready");
  expect(chat().messages[1]).toMatchObject({
    role: "assistant",
    parts: [{ type: "step-start" }, { type: "reasoning", text: "Let me think.", state: "done" }, { type: "text", text: "Hello to you.", state: "done" }],
    metadata: { answer: { where: "local", model: "pocket" } },
  });
  expect(onFinish.mock.calls[0]?.[0]).toMatchObject({ isAbort: false, isError: false, finishReason: "stop" });
  act(() => { void chat().sendMessage({ text: "Bye" }); });
  await rest(rendered);
  expect(generated(rendered)[1]).toEqual({
    messages: [
      { role: "user", parts: [{ type: "text", text: "Hello" }] },
      { role: "assistant", parts: [{ type: "text", text: "Hello to you." }] },
      { role: "user", parts: [{ type: "text", text: "Bye" }] },
    ],
    settings: { system: "Be brief.", temperature: 0 },
  });
});

test("files are sent: images as they are, texts as text", async () => {
  const rendered = await render({});
  const files = [
    { type: "file" as const, mediaType: "image/png", url: "data:image/png;base64,iVBORw==" },
    { type: "file" as const, mediaType: "text/plain", filename: "a.txt", url: "data:text/plain;base64,R3LDvMOfZQ==" },
    { type: "file" as const, mediaType: "text/plain", url: "data:,Gr%C3%BC%C3%9Fe" },
    { type: "file" as const, mediaType: "text/plain", url: "https://files.example/a.txt" },
    { type: "file" as const, mediaType: "application/pdf", url: "data:application/pdf;base64,/w==" },
  ];
  act(() => { void rendered.chat().sendMessage({ text: "Look", files }); });
  await rest(rendered);
  expect(generated(rendered)).toMatchObject([
    {
      messages: [
        {
          parts: [
            { type: "file", mediaType: "image/png", url: "data:image/png;base64,iVBORw==" },
            { type: "file", filename: "a.txt", text: "Grüße" },
            { type: "file", text: "Grüße" },
            { type: "file", url: "https://files.example/a.txt" },
            { type: "file", url: "data:application/pdf;base64,/w==" },
            { type: "text", text: "Look" },
          ],
        },
      ],
    },
  ]);
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
  const { chat, advance, onFinish } = rendered;
  act(() => { void chat().sendMessage({ text: "Count" }); });
  await advance(0);
  await advance(0);
  expect(chat().status).toBe("streaming");
  await act(async () => {
    await Promise.all([chat().stop(), rendered.client.app.advance(100)]);
  });
  await advance(0);
  expect(ended).toHaveBeenCalledTimes(1);
  expect(chat()).toMatchObject({ status: "ready", error: undefined });
  expect(chat().messages[1]?.parts).toMatchObject([{ type: "step-start" }, { type: "text", text: "So far" }]);
  expect(onFinish.mock.calls[0]?.[0]).toMatchObject({ isAbort: true });
});

test("an error has Python's words, and the next message is answered", async () => {
  const rendered = await render({ answers: [{ text: "It was", error: { code: "out_of_memory", message: "the GPU has no memory left" } }, "Better."] });
  const { chat } = rendered;
  act(() => { void chat().sendMessage({ text: "Tell" }); });
  await rest(rendered);
  expect(chat().status).toBe("error");
  expect(chat().error?.message).toBe("the GPU has no memory left");
  act(() => { void chat().regenerate(); });
  await rest(rendered);
  expect(chat()).toMatchObject({ status: "ready", error: undefined });
  expect(chat().messages).toHaveLength(2);
  expect(chat().messages[1]?.parts.at(-1)).toMatchObject({ type: "text", text: "Better." });
});

test("an object arrives as a data part that grows, and settings may come from the request's body", async () => {
  const rendered = await render({ answers: [{ object: { city: "Rome", people: 3 } }] }, ({ body }) => body as { schema: Record<string, unknown> });
  const { chat, advance } = rendered;
  act(() => { void chat().sendMessage({ text: "Where?" }, { body: { schema: { type: "object" } } }); });
  await advance(100);
  await advance(0);
  expect(chat().messages[1]?.parts.at(-1)).toMatchObject({ type: "data-object", data: { city: "Rome" } });
  await rest(rendered);
  expect(chat().messages[1]?.parts.filter(({ type }) => type === "data-object")).toMatchObject([{ data: { city: "Rome", people: 3 } }]);
  expect(generated(rendered)).toMatchObject([{ settings: { schema: { type: "object" } } }]);
});

test("when another backend begins anew, its text stands for itself", async () => {
  const rendered = await render({
    on: {
      generate: (_, { emit }) => {
        emit({ type: "start", text: "", value: null });
        emit({ type: "text", text: "Half an ans", value: null });
        emit({ type: "restart", text: "", value: null });
        emit({ type: "text", text: "A whole answer.", value: null });
        return { text: "A whole answer.", reasoning: "", value: null, answer: make("AnswerInfo", { where: "cloud", backend: "openai", finishReason: "content_filter" }) };
      },
    },
  });
  act(() => { void rendered.chat().sendMessage({ text: "Hello" }); });
  await rest(rendered);
  const parts = rendered.chat().messages[1]?.parts ?? [];
  expect(parts.filter(({ type }) => type === "text")).toMatchObject([{ text: "Half an ans" }, { text: "A whole answer." }]);
  expect(rendered.onFinish.mock.calls[0]?.[0]).toMatchObject({ finishReason: "content-filter" });
});

test("there is no stream to reconnect to", async () => {
  expect(await new BrowserLLMChatTransport({ client: scriptedClient() }).reconnectToStream()).toBeNull();
});

test("a stream that is given up stops the model", async () => {
  const client = scriptedClient({ answers: ["One two three."] });
  const stream = await new BrowserLLMChatTransport({ client }).sendMessages({
    messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "Count" } as { type: string }] }],
    abortSignal: undefined,
  });
  const reader = stream.getReader();
  await client.app.advance(100);
  expect((await reader.read()).value).toEqual({ type: "start" });
  const sent = vi.spyOn(client.app.pipe, "send");
  await reader.cancel();
  await client.app.advance(1000);
  expect(sent.mock.calls).toEqual([[JSON.stringify({ type: "cancel", id: 1 })]]);
});

test("the messages of our own useChat are AI SDK's", () => {
  const types = (chat: ReturnType<typeof useOurChat>): UIMessage<UIMetadata, { object: unknown }>[] => chat.messages;
  expect(types).toBeTypeOf("function");
});
