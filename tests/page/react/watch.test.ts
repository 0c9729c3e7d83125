/** What a chat tells of its answers: each call and each end once. */

import { expect, test } from "vitest";
import { AnswerWatch } from "../../../web/react/src/chat/watch.ts";
import { make } from "@browserllm/react/testing";

type Part = Parameters<typeof make<"ToolPart">>[1];
type Thread = ReturnType<typeof make<"Thread">>;

function watching(): { readonly watch: AnswerWatch; readonly told: string[] } {
  const told: string[] = [];
  const watch = new AnswerWatch({
    onFinish: ({ id }) => { told.push(`end ${id}`); },
    onError: ({ code }) => { told.push(`error ${code}`); },
    onToolCall: ({ toolName, toolCallId }) => { told.push(`${toolName} ${toolCallId}`); },
  });
  watch.begin(null);
  return { watch, told };
}

const call = (toolCallId: string, state: Part["state"] = "input-available"): ReturnType<typeof make<"ToolPart">> => make("ToolPart", { type: "dynamic-tool", toolName: "clock", toolCallId, state });

function thread(answers: Record<string, ReturnType<typeof call>[]>, answering: string | null): Thread {
  const messages = Object.fromEntries(Object.entries(answers).map(([id, parts]) => [id, make("ChatMessage", { id, role: "assistant", parts })]));
  return make("Thread", { id: "c", messages, answering });
}

test("another answer may use the ids of the calls of the one before it", () => {
  const { watch, told } = watching();
  watch.look(thread({ a: [call("call_0", "input-streaming")] }, "a"));
  watch.look(thread({ a: [call("call_0")] }, "a"));
  watch.look(thread({ a: [call("call_0")] }, null));
  watch.look(thread({ a: [call("call_0")], b: [call("call_0"), call("call_1")] }, "b"));
  watch.look(thread({ a: [call("call_0")], b: [call("call_0"), call("call_1")] }, null));
  expect(told).toEqual(["clock call_0", "end a", "clock call_0", "clock call_1", "end b"]);
});

test("an answer that is continued does not tell its calls again", () => {
  const { watch, told } = watching();
  watch.look(thread({ a: [call("call_0")] }, "a"));
  watch.look(thread({ a: [call("call_0", "output-available")] }, null));
  watch.look(thread({ a: [call("call_0", "output-available")] }, "a"));
  watch.look(thread({ a: [call("call_0", "output-available"), call("call_1")] }, "a"));
  watch.look(thread({ a: [call("call_0", "output-available"), call("call_1")] }, null));
  expect(told).toEqual(["clock call_0", "end a", "clock call_1", "end a"]);
});

test("what was there before is no news, and an answer that is deleted ends without a word", () => {
  const { watch, told } = watching();
  watch.begin(thread({ a: [call("call_0")] }, "a"));
  watch.look(thread({ a: [call("call_0")] }, "a"));
  watch.look(thread({}, null));
  watch.look(thread({ a: [call("call_0")] }, null));
  expect(told).toEqual([]);
});
