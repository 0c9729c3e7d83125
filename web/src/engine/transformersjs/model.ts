/** A model that chats. */

import { tokenizerJson } from "../../patches/transformers/privates.ts";
import { Constrainer, type Matcher } from "../constraint/constrainer.ts";
import { readFormat } from "../constraint/format.ts";
import { readVocabulary } from "../constraint/vocabulary.ts";
import { PageError } from "../errors.ts";
import { PROMPT_END, type ChatOutcome, type EmitText, type InputKind, type LoadedModel, type Usage } from "../engine.ts";
import { seeImages, textOnly } from "../images.ts";
import type { ChatRequest, CountRequest, HonouredOptions, Message } from "../options.ts";
import type { ComputeDevice, TokenLogprob } from "../protocol.ts";
import { StopFilter, TokenText } from "../text.ts";
import { makeYielder } from "./event-loop.ts";
import { endTokens, logitCount, samplerDefaults } from "./config.ts";
import { Decoder, type PrefillPace } from "./decoder.ts";
import { runError } from "./errors.ts";
import { Loaded, type Parts } from "./loaded.ts";
import { Network } from "./network.ts";
import { promptIds, templateOf, thinkingSwitch } from "./prompt.ts";
import { logprobsOf, Sampler, seededRandom } from "./sampler.ts";
import { VisionNetwork, VisionPrompts, type Prompt } from "./vision.ts";

/** On the CPU a stop must take effect within 50 ms; a GPU is fast in large pieces, unless it is a software one. */
const PACES: Readonly<Record<ComputeDevice, PrefillPace>> = {
  wasm: { start: 16, least: 2, most: 128, target_ms: 25 },
  webgpu: { start: 64, least: 16, most: 512, target_ms: 100 },
};

/** The parts of a model that takes images. */
interface Eyes {
  readonly prompts: VisionPrompts;
  readonly network: VisionNetwork;
}

export class TransformersJsModel extends Loaded implements LoadedModel {
  readonly input: readonly InputKind[];
  readonly options: HonouredOptions;
  readonly #network: Network;
  readonly #eyes: Eyes | null;
  readonly #decoder: Decoder;
  readonly #ends: ReadonlySet<number>;
  readonly #constrainer: Constrainer;

  /** `prompts` belong to a model that takes images. */
  constructor(parts: Parts, prompts: VisionPrompts | null) {
    super(parts);
    this.#eyes = prompts === null ? null : { prompts, network: new VisionNetwork(parts.model) };
    this.input = prompts === null ? ["text"] : ["text", "image"];
    const template = prompts === null ? templateOf(parts.tokenizer) : prompts.template;
    this.options = thinkingSwitch(template, true) === null ? { thinking: false } : {};
    this.#network = this.#eyes?.network ?? new Network(parts.model);
    this.#decoder = new Decoder(this.#network, makeYielder(), PACES[parts.device]);
    this.#ends = endTokens(parts.model.generation_config, parts.model.config, parts.tokenizer.eos_token_id);
    this.#constrainer = new Constrainer(() => {
      const { tokenizer } = parts;
      const facts = { json: tokenizerJson(tokenizer), tokens: tokenizer.get_vocab(), special: tokenizer.all_special_ids };
      return readVocabulary(facts, this.#ends, logitCount(parts.model.config));
    });
  }

  /** Have the GPU programs compiled: ONNX Runtime does that when a network first runs. */
  async warmUp(): Promise<void> {
    await this.#eyes?.network.encode(this.#eyes.prompts.blank());
    await this.#network.feed([0], 0);
    await this.#network.reset();
  }

  async chat(request: ChatRequest, emit: EmitText, signal: AbortSignal): Promise<ChatOutcome> {
    const { options } = request;
    const format = readFormat(options.response_format);
    let prompt: readonly number[];
    try {
      const { ids, blocks } = await this.#encode(request.messages, options.thinking, signal);
      this.#eyes?.network.show(blocks);
      prompt = ids;
    } catch (error) {
      if (signal.aborted) return { finish_reason: "cancelled", usage: NOTHING_USED, warnings: [] };
      throw runError(error, this.parts.name);
    }
    const window = this.context_window ?? Infinity;
    if (prompt.length >= window) {
      throw new PageError(
        "context_exceeded",
        `the prompt has ${prompt.length} tokens, but the model's context window is ${window}; shorten the messages, or use a model with a larger context window`,
        { prompt_tokens: prompt.length, context_window: window },
      );
    }
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    const sampler = new Sampler(options, samplerDefaults(this.parts.model.generation_config), seededRandom(seed));
    const pieces = new TokenText(this.#decode);
    const filter = new StopFilter(options.stop ?? []);
    let promptEnd: string | undefined = this.#endOf(prompt);
    let matcher: Matcher | undefined;
    try {
      matcher = format === null ? undefined : await this.#constrainer.start(format, signal);
      const result = await this.guard(
        this.#decoder.run({
          prompt,
          sampler,
          signal,
          matcher,
          contextWindow: window,
          maxTokens: options.max_tokens ?? Infinity,
          isEnd: (id) => this.#ends.has(id),
          onToken: (id, logits) => {
            const { text, stopped } = filter.push(pieces.push(id));
            emit(text, 1, options.logprobs === true ? [this.#logprob(id, logits, options.top_logprobs ?? 0)] : [], promptEnd);
            promptEnd = undefined;
            return !stopped;
          },
        }),
      );
      const rest = filter.push(pieces.end());
      const tail = rest.stopped ? rest.text : rest.text + filter.end();
      if (tail !== "") emit(tail, 0);
      const usage = { prompt_tokens: prompt.length, completion_tokens: result.generated, cached_tokens: result.cached };
      return { finish_reason: result.finish, usage, warnings: [] };
    } catch (error) {
      if (signal.aborted && error === signal.reason) return { finish_reason: "cancelled", usage: NOTHING_USED, warnings: [] };
      throw runError(error, this.parts.name);
    } finally {
      matcher?.end();
      this.#eyes?.network.show(new Map());
    }
  }

  async countTokens(content: CountRequest["content"], signal: AbortSignal): Promise<number> {
    if ("text" in content) return this.parts.tokenizer.encode(content.text).length;
    return (await this.#encode(content.messages, content.thinking, signal)).ids.length;
  }

  embed(): Promise<never> {
    return Promise.reject(new PageError("unsupported", `"${this.parts.name}" is not an embedding model; load one whose purpose is embedding`, { model: this.parts.name }));
  }

  protected override letGo(): Promise<void> {
    this.#constrainer.close();
    return this.#decoder.reset();
  }

  async #encode(messages: readonly Message[], thinking: boolean | undefined, signal: AbortSignal): Promise<Prompt> {
    if (this.#eyes !== null) return this.#eyes.prompts.encode(await seeImages(messages, signal), thinking);
    return { ids: promptIds(this.parts.tokenizer, textOnly(messages, this.parts.name), thinking), blocks: new Map() };
  }

  /** How a prompt ends, with the special tokens; rows of images (numbers below 0) have no text. */
  #endOf(prompt: readonly number[]): string {
    const ids = prompt.slice(-PROMPT_END).filter((id) => id >= 0);
    return this.parts.tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }).slice(-PROMPT_END);
  }

  readonly #decode = (ids: readonly number[]): string => {
    return this.parts.tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  };

  #logprob(id: number, logits: Float32Array, top: number): TokenLogprob {
    const ranked = logprobsOf(logits, id, top);
    const entry = (token: number, logprob: number): Omit<TokenLogprob, "top_logprobs"> => {
      const text = this.#decode([token]);
      // JSON has no minus infinity, which a token that is not allowed has; OpenAI says -9999.
      return { token: text, logprob: Math.max(logprob, -9999), bytes: [...new TextEncoder().encode(text)] };
    };
    return { ...entry(id, ranked.chosen), top_logprobs: ranked.top.map((other) => entry(other.id, other.logprob)) };
  }
}

const NOTHING_USED: Usage = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 };
