/** The contract of web/src/patches/web-llm/ with the pinned web-llm: each test names the assumption that broke. */

import { MLCEngine } from "@mlc-ai/web-llm";
import { beforeAll, describe, expect, it } from "vitest";
import { chatError, loadError } from "../../../web/src/patches/web-llm/errors.ts";
import { readInternals } from "../../../web/src/patches/web-llm/internals.ts";
import { readProgress } from "../../../web/src/patches/web-llm/progress.ts";
import { literalTemplate } from "../../../web/src/patches/web-llm/template.ts";
import { importWebLlm, webLlmSource } from "../web_llm.ts";

type Class = (new (...args: readonly unknown[]) => object) & { readonly prototype: object };
type ErrorClass = new (...args: readonly unknown[]) => Error;

const ERRORS = [
  "ModelNotFoundError",
  "WebGPUNotAvailableError",
  "WebGPUNotFoundError",
  "FeatureSupportError",
  "DeviceLostError",
  "IntegrityError",
  "MessageOrderError",
  "SystemMessageOrderError",
  "UnsupportedRoleError",
  "ContentTypeError",
  "ContextWindowSizeExceededError",
  "EmbeddingExceedContextWindowSizeError",
  "PrefillChunkSizeSmallerThanImageError",
] as const;

const source = webLlmSource();
let library: { LLMChatPipeline: Class; EmbeddingPipeline: Class; Conversation: Class } & Readonly<Record<(typeof ERRORS)[number], ErrorClass>>;

beforeAll(async () => { library = await importWebLlm("LLMChatPipeline", "EmbeddingPipeline", "Conversation", ...ERRORS); });

const methodsOf = ({ prototype }: Class): readonly string[] => Object.getOwnPropertyNames(prototype);
/** The fields that a class's own code assigns. */
const fieldsOf = (one: Class): ReadonlySet<string> => new Set([...one.toString().matchAll(/\bthis\.(\w+) = /g)].map((match) => match[1] ?? ""));

describe("web-llm's private parts", () => {
  it("are the engine's maps of what is loaded, and the signal of a load (internals.ts)", () => {
    const engine = new MLCEngine({ appConfig: { model_list: [] } });
    expect(Reflect.get(engine, "loadedModelIdToPipeline")).toBeInstanceOf(Map);
    expect(Reflect.get(engine, "loadedModelIdToChatConfig")).toBeInstanceOf(Map);
    expect(source).toContain("this.reloadController = new AbortController();");
  });

  it("are the pipeline's fields (internals.ts)", () => {
    const fields = fieldsOf(library.LLMChatPipeline);
    const read = [
      "tokenizer",
      "contextWindowSize",
      "slidingWindowSize",
      "filledKVCacheLength",
      "curRoundDecodingTotalTokens",
      "outputIds",
      "conversation",
      "fullVocabSize",
      "stopTokens",
      "token_postproc_method",
      "prepend_space_in_encode",
      "grammarMatcher",
    ];
    expect(read.filter((name) => !fields.has(name))).toEqual([]);
  });

  it("are the pipeline's methods that are replaced or called (internals.ts, pieces.ts)", () => {
    expect(methodsOf(library.LLMChatPipeline)).toEqual(
      expect.arrayContaining(["embedAndForward", "sync", "setConversation", "prepareGrammarMatcherForSampling", "getSupportedInputKinds"]),
    );
    expect(source).toContain("yield this.grammarMatcher.getNextTokenBitmask()");
    expect(source).toContain("this.grammarMatcher.acceptToken(sampledToken)");
  });

  it("are the conversation's methods that make a prompt (internals.ts)", () => {
    expect(methodsOf(library.Conversation)).toEqual(
      expect.arrayContaining(["getPromptArray", "getPromptArrayLastRound", "getArtifactPromptSegments", "getArtifactPromptSegmentsLastRound"]),
    );
  });

  it("give null, and throw nothing, where they are missing (internals.ts)", () => {
    const internals = readInternals({}, "m");
    expect([internals.contextWindow, internals.template, internals.filled(), internals.vocabulary(), internals.constrain(null)]).toEqual([null, null, null, null, false]);
  });
});

describe("web-llm's templates", () => {
  const config = {
    system_template: "<s>{system_message}</s>",
    system_message: "S",
    roles: { user: "U", assistant: "A" },
    role_templates: { user: "{user_message}", assistant: "{assistant_message}" },
    role_content_sep: ":",
    role_empty_sep: ":",
    seps: ["|"],
  };
  const promptOf = (template: object): string => {
    const conversation = new library.Conversation(template) as { appendMessage(role: string, text: string): void; getPromptArray(): readonly string[] };
    conversation.appendMessage("user", "costs $& and {function_string}");
    return conversation.getPromptArray().join("");
  };

  it("are filled with `replace`, which reads the message's own `$&`; ours take texts literally (template.ts)", () => {
    expect(promptOf(config), "fixed upstream: literalTemplate may go").not.toContain("costs $& and {function_string}");
    expect(promptOf(literalTemplate(config))).toBe("<s>S</s>U:costs $& and {function_string}|");
  });
});

describe("web-llm's loading", () => {
  it("fetches a library anew where its URL is of localhost or not http, and caches all others (library.ts)", () => {
    expect(source).toContain('if (wasmUrl.includes("localhost"))');
    expect(source).toContain('else if (!wasmUrl.startsWith("http"))');
    expect(source).toContain('createArtifactCache("webllm/wasm"');
  });

  it("asks the adapter for its device, where we see it (devices.ts)", () => {
    expect(source).toContain("yield adapter.requestDevice({");
  });

  it("adds no special tokens to a text for an embedding, and takes tokens instead of a text (special-tokens.ts)", () => {
    const code = library.EmbeddingPipeline.toString();
    expect(code).toContain("this.tokenizer.encode(input)");
    expect(code, "special tokens are added upstream: special-tokens.ts may go").not.toMatch(/special/i);
  });

  it("reports progress in the words that progress.ts reads", () => {
    // Every text that goes into a progress report: the words that it begins with.
    const begun = [...source.matchAll(/\btext(?: = |: )"([^"]+)"/g)].map((match) => match[1] ?? "");
    const phases = (start: string): string[] => {
      const texts = begun.filter((text) => text.startsWith(start));
      return texts.map((text) => readProgress({ progress: 0.5, text: `${text}1/2]: 3MB fetched. ` }).phase);
    };
    expect(phases("Fetching param cache[")).toEqual(["downloading"]);
    expect(phases("Loading model from cache[")).toEqual(["loading"]);
    expect(phases("Loading GPU shader modules[")).toEqual(["compiling"]);
    expect(new Set(phases("Finish loading on "))).toEqual(new Set(["compiling"]));
    expect(begun).toContain("Start to fetch params");
    // The part that a number is read from.
    expect(source).toContain('"MB fetched. "');
  });
});

describe("web-llm's errors (errors.ts)", () => {
  const failed = (name: (typeof ERRORS)[number], ...args: readonly unknown[]): Error => new library[name](...args);

  it("are distinguished by the names of their classes", () => {
    const unlike = ERRORS.filter((name) => failed(name, 1, 2, 3, 4).name !== name);
    expect(unlike).toEqual([]);
  });

  it("of a load have codes of their own", () => {
    const codes = (["ModelNotFoundError", "WebGPUNotAvailableError", "FeatureSupportError", "DeviceLostError", "IntegrityError"] as const).map((name) => loadError(failed(name, "a", "b", "c"), "m").code);
    expect(codes).toEqual(["model_not_found", "unavailable", "unavailable", "device_lost", "integrity"]);
    for (const words of ["Unable to find a compatible GPU", "exceeds limit. requested="]) expect(source).toContain(words);
  });

  it("of a chat name the numbers that are read from their texts", () => {
    expect(chatError(failed("ContextWindowSizeExceededError", 300, 256), 20)).toMatchObject({ data: { prompt_tokens: 320, context_window: 256 } });
    expect(chatError(failed("EmbeddingExceedContextWindowSizeError", 512, 600), 0)).toMatchObject({ data: { prompt_tokens: 600, context_window: 512 } });
    expect(chatError(failed("PrefillChunkSizeSmallerThanImageError", 2048, 2509), 0)).toMatchObject({ data: { image_tokens: 2509, most_tokens: 2048 } });
    expect(source).toContain('throw Error("Role is not supported: " + role)');
  });
});
