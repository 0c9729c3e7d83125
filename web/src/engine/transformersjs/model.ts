/** A model that Transformers.js has loaded. */

import type { PreTrainedModel, PreTrainedTokenizer } from "@huggingface/transformers";
import { invalid, PageError } from "../errors.ts";
import type { ChatOutcome, EmitText, LoadedModel, Warning } from "../engine.ts";
import type { GpuWatch } from "../gpu.ts";
import type { ChatRequest, CountRequest, Message } from "../options.ts";
import type { Device, TokenLogprob } from "../protocol.ts";
import { StopFilter, TokenText } from "../text.ts";
import { gpuError } from "../gpu.ts";
import { makeBreathe } from "./breathe.ts";
import { contextWindow, endTokens, samplerDefaults } from "./config.ts";
import { Decoder, type PrefillPace } from "./decoder.ts";
import { runError } from "./errors.ts";
import { Network } from "./network.ts";
import { logprobsOf, Sampler, seededRandom } from "./sampler.ts";

/** On the CPU a stop must get through within 50 ms; a GPU is fast in large pieces, unless it is a software one. */
const PACES: Readonly<Record<Device, PrefillPace>> = {
  wasm: { start: 16, least: 2, most: 128, target_ms: 25 },
  webgpu: { start: 64, least: 16, most: 512, target_ms: 100 },
};

export interface Parts {
  readonly name: string;
  readonly device: Device;
  readonly model: PreTrainedModel;
  readonly tokenizer: PreTrainedTokenizer;
  readonly watch: GpuWatch | null;
}

export class TransformersJsModel implements LoadedModel {
  readonly device: Device;
  readonly adapter: string | null;
  readonly context_window: number | null;
  readonly lost: Promise<string>;
  readonly #parts: Parts;
  readonly #network: Network;
  readonly #decoder: Decoder;
  readonly #ends: ReadonlySet<number>;
  #unloaded = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.device = parts.device;
    this.adapter = parts.watch?.adapter ?? null;
    this.context_window = contextWindow(parts.model.config);
    this.lost = new Promise((resolve) => {
      parts.watch?.onFault(({ reason }) => { resolve(reason); });
    });
    this.#network = new Network(parts.model);
    this.#decoder = new Decoder(this.#network, makeBreathe(), PACES[parts.device]);
    this.#ends = endTokens(parts.model.generation_config, parts.model.config, parts.tokenizer.eos_token_id);
  }

  /** Have the GPU programs made: ONNX Runtime does that when a network first runs. */
  async warmUp(): Promise<void> {
    await this.#network.feed([0], 0);
    await this.#network.reset();
  }

  async chat(request: ChatRequest, emit: EmitText, signal: AbortSignal): Promise<ChatOutcome> {
    const { options } = request;
    const warnings: Warning[] = [];
    if (options.response_format !== undefined && options.response_format["type"] !== "text") {
      warnings.push({ parameter: "response_format", message: "Transformers.js does not constrain its output; it was ignored" });
    }
    const prompt = this.#encode(request.messages);
    const window = this.context_window ?? Infinity;
    if (prompt.length >= window) {
      throw new PageError(
        "context_exceeded",
        `the prompt has ${prompt.length} tokens, but the model's context window is ${window}`,
        { prompt_tokens: prompt.length, context_window: window },
      );
    }
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    const sampler = new Sampler(options, samplerDefaults(this.#parts.model.generation_config), seededRandom(seed));
    const pieces = new TokenText(this.#decode);
    const filter = new StopFilter(options.stop ?? []);
    try {
      const result = await this.#guard(
        this.#decoder.run({
          prompt,
          sampler,
          signal,
          contextWindow: window,
          maxTokens: options.max_tokens ?? Infinity,
          isEnd: (id) => this.#ends.has(id),
          onToken: (id, logits) => {
            const { text, stopped } = filter.push(pieces.push(id));
            emit(text, 1, options.logprobs === true ? [this.#logprob(id, logits, options.top_logprobs ?? 0)] : []);
            return !stopped;
          },
        }),
      );
      const rest = filter.push(pieces.end());
      const tail = rest.stopped ? rest.text : rest.text + filter.end();
      if (tail !== "") emit(tail, 0);
      const usage = { prompt_tokens: prompt.length, completion_tokens: result.generated, cached_tokens: result.cached };
      return { finish_reason: result.finish, usage, warnings };
    } catch (error) {
      throw runError(error, this.#parts.name);
    }
  }

  countTokens(content: CountRequest["content"]): Promise<number> {
    const ids = "text" in content ? this.#parts.tokenizer.encode(content.text) : this.#encode(content.messages);
    return Promise.resolve(ids.length);
  }

  embed(): Promise<never> {
    return Promise.reject(new PageError("unsupported", `"${this.#parts.name}" is no embedding model`, { model: this.#parts.name }));
  }

  async unload(): Promise<void> {
    if (this.#unloaded) return;
    this.#unloaded = true;
    const freed = this.#decoder.reset().then(() => this.#parts.model.dispose());
    // After a loss there is nothing to wait for, and waiting on a dead device may never end.
    if (this.#parts.watch?.fault == null) await freed;
    else freed.catch(() => undefined);
    this.#parts.watch?.destroy();
  }

  #encode(messages: readonly Message[]): readonly number[] {
    let ids: unknown;
    try {
      ids = this.#parts.tokenizer.apply_chat_template([...messages], {
        add_generation_prompt: true,
        return_tensor: false,
        return_dict: false,
      });
    } catch (error) {
      // Templates refuse what they do not know with an error of their own words.
      const reason = error instanceof Error ? error.message : String(error);
      throw invalid("messages", `the model's chat template refuses these messages: ${reason}`);
    }
    if (Array.isArray(ids) && ids.every((id) => typeof id === "number")) return ids;
    throw new PageError("internal", "the chat template gave no list of token ids");
  }

  readonly #decode = (ids: readonly number[]): string => {
    return this.#parts.tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  };

  #logprob(id: number, logits: Float32Array, top: number): TokenLogprob {
    const ranked = logprobsOf(logits, id, top);
    const entry = (token: number, logprob: number): Omit<TokenLogprob, "top_logprobs"> => {
      const text = this.#decode([token]);
      return { token: text, logprob, bytes: [...new TextEncoder().encode(text)] };
    };
    return { ...entry(id, ranked.chosen), top_logprobs: ranked.top.map((other) => entry(other.id, other.logprob)) };
  }

  #guard<T>(promise: Promise<T>): Promise<T> {
    const { watch, name } = this.#parts;
    return watch === null ? promise : watch.guard(promise, (fault) => gpuError(fault, name));
  }
}
