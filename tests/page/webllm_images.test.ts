/** Compared with web-llm's own code: what its pipeline, all but the GPU, feeds for our request with images. */

import { readFileSync } from "node:fs";
import { MLCEngine, ModelType, postInitAndCheckFieldsChatCompletion } from "@mlc-ai/web-llm";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { JsonRecord } from "../../web/src/engine/fields.ts";
import type { Message } from "../../web/src/engine/options.ts";
import { chatError } from "../../web/src/patches/web-llm/errors.ts";
import { readInternals } from "../../web/src/patches/web-llm/internals.ts";
import { toWebLlm } from "../../web/src/engine/webllm/request.ts";
import { importWebLlm } from "./web_llm.ts";

const templates = JSON.parse(readFileSync(new URL("conversation_templates.json", import.meta.url), "utf8")) as Record<string, JsonRecord>;

interface Conversation {
  appendMessage(role: string, content: unknown): void;
  appendReplyHeader(role: string): void;
  finishReply(text: string): void;
}

/** The library's pipeline class, which it does not export. */
interface Pipeline {
  getInputData(): Promise<[readonly unknown[], number, (image: unknown) => number]>;
  embedAndForward(data: readonly unknown[], length: number): Promise<unknown>;
}
type Chunk = (data: readonly unknown[], size: number, embedSize: (image: unknown) => number) => [unknown[][], number[]];

describe("web-llm's pipeline, of a model that sees,", () => {
  const RED = "data:image/png;base64,UkVE";
  const BLUE = "data:image/png;base64,QkxVRQ==";
  /** What the library computes for an image of 640 x 480 pixels in a Phi-3.5-vision. */
  const ROWS = 1921;
  let size = { width: 640, height: 480 };
  let library: { LLMChatPipeline: { prototype: object }; getChunkedPrefillInputData: Chunk };

  beforeAll(async () => { library = await importWebLlm("LLMChatPipeline", "getChunkedPrefillInputData"); });

  beforeEach(() => {
    size = { width: 640, height: 480 };
    vi.stubGlobal("createImageBitmap", () => Promise.resolve(size));
    const context = { drawImage: () => undefined, getImageData: (_: number, __: number, width: number, height: number) => ({ width, height }) };
    vi.stubGlobal("OffscreenCanvas", class { getContext = (): unknown => context; });
  });
  afterEach(() => { vi.unstubAllGlobals(); });

  const ids = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0));
  /** Real engine, real conversation, real pipeline, but for the GPU: what is forwarded is written down. */
  function make(): { engine: MLCEngine; config: JsonRecord; pipeline: Pipeline; forwarded: { data: readonly unknown[]; length: number }[] } {
    const engine = new MLCEngine({ appConfig: { model_list: [] } });
    const config: JsonRecord = { conv_template: templates["phi-3-vision"] };
    const forwarded: { data: readonly unknown[]; length: number }[] = [];
    const pipeline = Object.assign(Object.create(library.LLMChatPipeline.prototype), {
      config: { model_type: "phi3_v", model_config: {} },
      tokenizer: { encode: ids },
      image_embed: () => undefined,
      imageDataCache: new Map(),
      filledKVCacheLength: 0,
      slidingWindowSize: -1,
      contextWindowSize: 4096,
      sync: () => Promise.resolve(),
      resetChat: () => { pipeline.filledKVCacheLength = 0; },
      getFinishReason: () => "stop",
      stopStr: [],
      stopTokens: [],
      conversation: { messages: [] },
      embedAndForward: (data: readonly unknown[], length: number) => {
        forwarded.push({ data, length });
        pipeline.filledKVCacheLength += length;
        return Promise.resolve("logits");
      },
    }) as Pipeline & { filledKVCacheLength: number };
    Reflect.set(engine, "loadedModelIdToChatConfig", new Map([["m", config]]));
    Reflect.set(engine, "loadedModelIdToPipeline", new Map([["m", pipeline]]));
    const internals = readInternals(engine, "m");
    expect(internals.takesImages).toBe(true);
    internals.takeTextsLiterally();
    internals.endAnswers();
    internals.feedInPieces(() => undefined);
    return { engine, config, pipeline, forwarded };
  }

  /** A chat, as far as it is fed; the answer is put where the library puts one. */
  async function chat({ engine, config, pipeline }: ReturnType<typeof make>, messages: readonly Message[], answer: string): Promise<number> {
    const { request } = toWebLlm({ model: "m", messages, options: {}, unknown: [] });
    const check = Reflect.get(pipeline, "getSupportedInputKinds") as () => ReadonlySet<string>;
    postInitAndCheckFieldsChatCompletion(request, "m", ModelType.VLM, Reflect.apply(check, pipeline, []) as never);
    const prepare = Reflect.get(engine, "preparePrefillInput") as (...args: readonly unknown[]) => JsonRecord;
    const { inputStr, lastMsgRole } = Reflect.apply(prepare, engine, [request, pipeline, config]);
    const conversation = Reflect.get(pipeline, "conversation") as Conversation;
    conversation.appendMessage(String(lastMsgRole), inputStr);
    conversation.appendReplyHeader("assistant");
    const [data, tokens, embedSize] = await pipeline.getInputData();
    const [chunks, lengths] = library.getChunkedPrefillInputData(data, 2048, embedSize);
    for (const [index, chunk] of chunks.entries()) await pipeline.embedAndForward(chunk, lengths[index] ?? 0);
    conversation.finishReply(answer);
    return tokens;
  }

  const show = (part: unknown): string => (Array.isArray(part) ? String.fromCharCode(...(part as number[])) : `[${(part as { url: string }).url}]`);
  const text = (forwarded: ReturnType<typeof make>["forwarded"]): string => forwarded.flatMap(({ data }) => data.map(show)).join("");

  it("feeds the images where its template has them, and the texts as they are", async () => {
    const made = make();
    const content = [{ type: "text", text: "a $& " }, { type: "image", url: RED }, { type: "text", text: "b" }, { type: "image", url: BLUE }] as const;
    const tokens = await chat(made, [{ role: "system", content: "S" }, { role: "user", content }], "");
    expect(text(made.forwarded)).toBe(`S<|user|>\n[${RED}]\n[${BLUE}]\na $& b<|end|>\n<|assistant|>\n`);
    expect(tokens).toBe(made.forwarded.reduce((sum, { length }) => sum + length, 0));
    expect(tokens).toBe(text(made.forwarded).length - RED.length - BLUE.length - 4 + 2 * ROWS);
  });

  it("goes on in the KV cache after an image, and begins anew after another one", async () => {
    const made = make();
    const messages = (url: string, ...more: readonly Message[]): readonly Message[] => [
      { role: "user", content: [{ type: "image", url }, { type: "text", text: "what?" }] },
      ...more,
    ];
    await chat(made, messages(RED), "red");
    made.forwarded.length = 0;
    await chat(made, messages(RED, { role: "assistant", content: "red" }, { role: "user", content: "sure?" }), "yes");
    expect(text(made.forwarded)).toBe("<|end|>\n<|user|>\nsure?<|end|>\n<|assistant|>\n");
    made.forwarded.length = 0;
    await chat(made, messages(BLUE, { role: "assistant", content: "red" }, { role: "user", content: "sure?" }), "no");
    expect(text(made.forwarded)).toContain(`[${BLUE}]`);
  });

  it("refuses an image whose shape makes more of it than fits, in words for who sent it", async () => {
    size = { width: 500, height: 500 };
    const sent = chat(make(), [{ role: "user", content: [{ type: "image", url: RED }] }], "");
    const error = chatError(await sent.catch((thrown: unknown) => thrown), 0);
    expect(error).toMatchObject({ code: "invalid_request", data: { parameter: "messages", image_tokens: 2509, most_tokens: 2048 } });
    expect(error.message).toContain("2509");
  });
});
