/** A chat of the protocol as WebLLM's request, with a warning where it reorders a message. */

import type { ChatCompletionRequestStreaming } from "@mlc-ai/web-llm";
import type { Warning } from "../warning.ts";
import { textOf } from "../images.ts";
import type { ChatRequest, Message } from "../options.ts";

/** With a grammar, WebLLM asks its matcher, which is ours (patches/web-llm/internals.ts); it never reads this grammar. */
const CONSTRAINED = { type: "grammar", grammar: 'root ::= ""' } as const;

/** Images must be `data:` URLs by now: WebLLM fetches others itself, without limits, and its errors do not name the image. */
export function toWebLlm(chat: ChatRequest, constrained = false): { request: ChatCompletionRequestStreaming; warnings: readonly Warning[] } {
  const warnings: Warning[] = [];
  const { options } = chat;
  chat.messages.forEach(({ content }, index) => {
    const kinds = typeof content === "string" ? [] : content.map(({ type }) => type);
    if (!kinds.includes("text") || kinds.lastIndexOf("image") < kinds.indexOf("text")) return;
    warnings.push({ parameter: `messages[${index}].content`, message: "WebLLM takes a message's images before its text; they were moved to the front" });
  });
  const bias = options.logit_bias;
  return {
    warnings,
    request: {
      stream: true,
      stream_options: { include_usage: true },
      messages: chat.messages.map(toWebLlmMessage),
      max_tokens: options.max_tokens ?? null,
      temperature: options.temperature ?? null,
      top_p: options.top_p ?? null,
      seed: options.seed ?? null,
      stop: options.stop === undefined ? null : [...options.stop],
      frequency_penalty: options.frequency_penalty ?? null,
      presence_penalty: options.presence_penalty ?? null,
      logit_bias: bias === undefined ? null : Object.fromEntries([...bias].map(([id, value]) => [String(id), value])),
      logprobs: options.logprobs ?? null,
      // With 0 others, WebLLM does not even give the token's own; `model.ts` removes the ones that were not requested.
      top_logprobs: options.logprobs === true ? Math.max(1, options.top_logprobs ?? 0) : null,
      ...(constrained ? { response_format: CONSTRAINED } : {}),
    },
  };
}

/** WebLLM takes one text in a message, and always puts the images before it. */
function toWebLlmMessage({ role, content }: Message): ChatCompletionRequestStreaming["messages"][number] {
  if (typeof content === "string") return role === "tool" ? { role, content, tool_call_id: "" } : { role, content };
  const images = content.flatMap((part) => (part.type === "image" ? [{ type: "image_url" as const, image_url: { url: part.url } }] : []));
  const text = textOf(content);
  return { role: "user", content: text === "" ? images : [...images, { type: "text", text }] };
}
