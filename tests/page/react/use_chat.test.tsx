// @vitest-environment happy-dom
/** useChat, in StrictMode, over a scripted app. */

import { act, cleanup } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { useChat, type UIMessage, type UseChatOptions } from "@browserllm/react";
import { renderOver } from "./helpers.tsx";

afterEach(cleanup);

function texts(messages: readonly UIMessage[]): string[] {
  return messages.map((message) => message.parts.map((part) => ("text" in part ? part.text : "")).join(""));
}

const chatOf = (props: UseChatOptions | undefined): ReturnType<typeof useChat> => useChat(props);

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

test("in StrictMode there is one conversation, with the id that the hook shows", async () => {
  const { result, advance, client } = await renderOver(chatOf, { props: { settings: { system: "Be brief." } } });
  await act(async () => { await Promise.all([result.current.sendMessage("One"), client.app.advance(1000)]); });
  await act(async () => { await Promise.all([result.current.sendMessage("Two"), client.app.advance(1000)]); });
  await advance(1000);
  const created = client.app.calls.filter(({ action }) => action === "conversations.create");
  expect(created).toEqual([{ action: "conversations.create", args: { id: result.current.id, keep: true, settings: { system: "Be brief." } } }]);
  expect(Object.keys(client.getState().conversations)).toEqual([result.current.id]);
  expect(texts(result.current.messages)).toEqual(["One", "Answer 1.", "Two", "Answer 2."]);
});
