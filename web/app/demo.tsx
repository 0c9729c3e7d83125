/** The app with answers from a script, to look at while working on it: demo.html?scene=chat|empty|long|error|tools|rtl. */

import { BrowserLLMProvider, type ChatMessage, type Conversation } from "@browserllm/react";
import { createRoot } from "react-dom/client";
import { make, sampleState, type ScriptedAnswer, scriptedClient } from "../react/src/testing.ts";
import { App } from "./app.tsx";
import { ANSWER, CODE, ERROR, RTL, TABLE } from "./demo_texts.ts";
import { LANGUAGES } from "./strings/index.ts";

const query = new URLSearchParams(location.search);
const scene = query.get("scene") ?? "chat";
const now = Date.now();
const DAY = 86_400_000;

const info = make("AnswerInfo", {
  where: "local",
  backend: "local",
  model: "Qwen3 1.7B",
  engine: "webllm",
  device: "webgpu",
  adapter: "Apple M2",
  finishReason: "stop",
  promptTokens: 412,
  completionTokens: 286,
  cachedTokens: 380,
  tokensPerS: 41.7,
  firstTokenMs: 312,
  durationMs: 7200,
  costUsd: 0,
});

function message(fields: Partial<ChatMessage> & { readonly id: string; readonly role: ChatMessage["role"] }): ChatMessage {
  return make("ChatMessage", { createdAt: now, ...fields });
}

const text = (words: string): ChatMessage["parts"] => [make("TextPart", { text: words })];

function messages(): ChatMessage[] {
  const first = message({ id: "q1", role: "user", parts: text("How does the lens of a lighthouse work? A table and a formula would help.") });
  const thought = make("ReasoningPart", { text: "The person asks about Fresnel lenses. I should give the idea first, then the geometry." });
  const answer = message({ id: "a1", role: "assistant", parent: "q1", parts: [thought, ...text(ANSWER)], answer: info });
  if (scene === "error") {
    return [first, answer, message({ id: "q2", role: "user", parent: "a1", parts: text("And how large are they?") }), message({ id: "a2", role: "assistant", parent: "q2", status: "error", parts: text("The largest ones, of the first order,"), error: ERROR })];
  }
  if (scene === "tools") {
    const done = make("ToolPart", { toolName: "calculator", toolCallId: "t1", state: "output-available", input: { expression: "2.59 * 3.281" }, output: "8.498" });
    const waits = make("ToolPart", { toolName: "web_fetch", toolCallId: "t2", state: "approval-requested", approvalId: "p1", input: { url: "https://example.org/lighthouses" } });
    const object = make("ObjectPart", { value: { name: "Cordouan", height_m: 67.5, orders: [1, 2, 3], lit: true, keeper: null, place: { country: "France", sea: "Atlantic" } } });
    return [first, message({ id: "a1", role: "assistant", parent: "q1", parts: [done, ...text("The lens is **8.5 feet** high."), object, waits], status: "streaming" })];
  }
  if (scene === "rtl") return [message({ id: "q1", role: "user", parts: text("كيف تعمل عدسة المنارة؟") }), message({ id: "a1", role: "assistant", parent: "q1", parts: text(RTL), answer: info })];
  const file = make("FilePart", { mediaType: "text/plain", filename: "notes-on-lenses.txt", text: "Fresnel\n".repeat(200), sizeBytes: 1600 });
  const second = message({ id: "q2", role: "user", parent: "a1", parts: [file, ...text("Show me that in Python, and compare the orders.")] });
  const hop = make("HopInfo", { reason: "the model is not loaded", backend: "local", model: "Qwen3 4B" });
  const cloud = { ...info, where: "cloud" as const, backend: "OpenAI", model: "gpt-5-mini", engine: null, device: null, hops: [hop], costUsd: 0.00042, tokensPerS: 88 };
  const other = message({ id: "a2b", role: "assistant", parent: "q2", parts: text("Another version."), answer: info });
  const all = [first, answer, second, other, message({ id: "a2", role: "assistant", parent: "q2", parts: text(`${CODE}\n\n${TABLE}`), answer: cloud })];
  if (scene !== "long") return all;
  for (let number = 0; number < 600; number += 1) {
    const question = message({ id: `lq${number}`, role: "user", parent: all.at(-1)?.id ?? null, parts: text(`Question ${number}?`) });
    all.push(question, message({ id: `la${number}`, role: "assistant", parent: question.id, parts: text(`${ANSWER.slice(0, 200 + ((number * 137) % 900))}\n\nThat was answer ${number}.`), answer: info }));
  }
  return all;
}

function state(): ReturnType<typeof sampleState> {
  const base = sampleState();
  const settings = { ...base.settings, introduced: true, language: LANGUAGES.find(([code]) => code === query.get("language"))?.[0] ?? "en", theme: (query.get("theme") ?? "system") as "light" | "dark" | "system" };
  const titles = ["How a lighthouse lens works", "A birthday poem for Ines", "List or tuple?", "Dinner for six, no nuts", "Explain CORS to me", "Trip to Porto", "Letter to the landlord", "Regular expressions", "Words for snow"];
  const list = titles.map((title, index): Conversation => make("Conversation", { id: `c${index}`, title, createdAt: now, updatedAt: now - index * 0.7 * DAY, pinned: index === 2, folder: index === 5 || index === 6 ? "Travel" : null, messages: 4 }));
  if (scene === "empty") return { ...base, settings, conversations: {} };
  const shown = messages();
  const children: Record<string, string[]> = {};
  for (const one of shown) (children[one.parent ?? ""] ??= []).push(one.id);
  const path = shown.filter((one) => one.id !== "a2b").map((one) => one.id);
  const thread = make("Thread", { id: "c0", messages: Object.fromEntries(shown.map((one) => [one.id, one])), children, path, contextTokens: 1210, contextWindow: 4096, ...(scene === "tools" ? { answering: "a1", status: "streaming" as const } : {}) });
  return { ...base, settings, conversations: Object.fromEntries(list.map((one) => [one.id, one])), threads: { c0: thread } };
}

const answers: ScriptedAnswer[] = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? { reasoning: "Let me think about this step by step.", text: `${ANSWER}\n\n${CODE}`, info } : { text: TABLE, info }));
const client = scriptedClient({ state: state(), answers, on: { "conversations.open": () => null } });
setInterval(() => void client.app.advance(16), 16);
if (scene !== "empty" && location.hash === "") location.hash = "#/chat/c0";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <BrowserLLMProvider client={client}>
      <App />
    </BrowserLLMProvider>,
  );
}
