/**
 * What: turns WebLLM's exceptions into errors of the protocol, by their class names and, where a class says too little,
 * by their texts.
 * Why: WebLLM exports one of its error classes (IntegrityError), and has no error codes.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/web_llm.test.ts looks for the names and texts in the library's own source.
 */

import { describe, invalid, PageError, toPageError } from "../../engine/errors.ts";

/** A failure while loading. `url` is the file that could not be fetched, when that was the cause. */
export function loadError(error: unknown, model: string): PageError {
  if (error instanceof PageError) return error;
  const { name, message } = describe(error);
  switch (name) {
    case "ModelNotFoundError":
      return new PageError("model_not_found", message, { model }, error);
    case "WebGPUNotAvailableError":
    case "WebGPUNotFoundError":
      return new PageError("unavailable", message, { reason: "no_api" }, error);
    case "ShaderF16SupportError":
    case "FeatureSupportError":
      return new PageError("unavailable", message, { reason: "missing_feature" }, error);
    case "DeviceLostError":
      return new PageError("device_lost", `the GPU device was lost while "${model}" was loading`, { model }, error);
    case "IntegrityError":
      return new PageError("integrity", message, { model }, error);
    case "QuotaExceededError":
      return toPageError(error);
  }
  if (message.startsWith("Unable to find a compatible GPU")) {
    return new PageError("unavailable", message, { reason: "no_adapter" }, error);
  }
  if (/exceeds limit\. requested=/.test(message)) {
    return new PageError("unavailable", message, { reason: "missing_feature" }, error);
  }
  if (/out of memory|Array buffer allocation failed|memory access out of bounds/i.test(message)) {
    return new PageError("out_of_memory", `not enough memory to load "${model}": ${message}`, { model }, error);
  }
  return new PageError("load_failed", `"${model}" could not be loaded: ${name}: ${message}`, { model, name }, error);
}

/** A failure while generating. `cached` is how many tokens of the prompt were in the model already. */
export function chatError(error: unknown, cached: number): PageError {
  if (error instanceof PageError) return error;
  const { name, message } = describe(error);
  switch (name) {
    case "ContextWindowSizeExceededError": {
      const [prompt, window] = [...message.matchAll(/: (\d+)/g)].map((match) => Number(match[1]));
      if (prompt === undefined || window === undefined) break;
      const prompt_tokens = prompt + cached;
      return new PageError(
        "context_exceeded",
        `the prompt has ${prompt_tokens} tokens, but the model's context window is ${window}; shorten the messages, or use a model with a larger context window`,
        { prompt_tokens, context_window: window },
        error,
      );
    }
    case "EmbeddingExceedContextWindowSizeError": {
      const [window, prompt] = [...message.matchAll(/\d+/g)].map((match) => Number(match[0]));
      return new PageError("context_exceeded", message, { prompt_tokens: prompt, context_window: window }, error);
    }
    case "PrefillChunkSizeSmallerThanImageError": {
      // An image goes in as a whole, and how many tokens it is depends on its shape alone.
      const [most, tokens] = [...message.matchAll(/: (\d+)/g)].map((match) => Number(match[1]));
      const text = `an image becomes ${tokens ?? "more"} tokens, and the model takes at most ${most ?? "fewer"} at once: crop it to another shape (4:3, say)`;
      return new PageError("invalid_request", text, { parameter: "messages", image_tokens: tokens, most_tokens: most }, error);
    }
    case "MessageOrderError":
    case "SystemMessageOrderError":
    case "UnsupportedRoleError":
    case "ContentTypeError":
      return invalid("messages", message);
  }
  if (/^Role is not supported/.test(message)) return invalid("messages", message);
  return toPageError(error);
}
