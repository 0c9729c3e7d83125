/** A model for embeddings: texts into vectors. */

import type { Tensor } from "@huggingface/transformers";
import { cancelled, PageError } from "../errors.ts";
import type { LoadedModel } from "../engine.ts";
import type { CountRequest, EmbedRequest } from "../options.ts";
import { makeYielder } from "./event-loop.ts";
import type { Pooling } from "./config.ts";
import { runError } from "./errors.ts";
import { Loaded, type Parts } from "./loaded.ts";
import { noOutput } from "./network.ts";

export interface EmbeddingParts extends Parts {
  /** How the tokens' vectors become one. */
  readonly pooling: Pooling;
  /** Whether vectors are made to have length 1. */
  readonly normalize: boolean;
}

export class EmbeddingModel extends Loaded implements LoadedModel {
  readonly input = ["text"] as const;
  readonly #embedding: EmbeddingParts;
  readonly #yieldToEvents = makeYielder();

  constructor(parts: EmbeddingParts) {
    super(parts);
    this.#embedding = parts;
  }

  /** Have the GPU programs compiled. */
  async warmUp(): Promise<void> {
    await this.#vector("a", 0);
  }

  /** One text after the other: a vector must not depend on its neighbours, and a stop takes effect between two. */
  async embed({ input }: EmbedRequest, signal: AbortSignal): Promise<{ vectors: readonly (readonly number[])[]; tokens: number }> {
    const vectors: (readonly number[])[] = [];
    let tokens = 0;
    try {
      for (const [index, text] of input.entries()) {
        await this.#yieldToEvents();
        if (signal.aborted) throw cancelled("the embedding");
        const made = await this.guard(this.#vector(text, index));
        vectors.push([...made.vector]);
        tokens += made.tokens;
      }
    } catch (error) {
      throw runError(error, this.parts.name);
    }
    return { vectors, tokens };
  }

  countTokens(content: CountRequest["content"]): Promise<number> {
    if ("text" in content) return Promise.resolve(this.parts.tokenizer.encode(content.text).length);
    return Promise.reject(this.#noChat());
  }

  chat(): Promise<never> {
    return Promise.reject(this.#noChat());
  }

  #noChat(): PageError {
    return new PageError("unsupported", `"${this.parts.name}" is an embedding model and cannot chat; load a chat model`, { model: this.parts.name });
  }

  async #vector(text: string, index: number): Promise<{ vector: Float32Array; tokens: number }> {
    const { model, tokenizer } = this.parts;
    const inputs = tokenizer(text, { padding: false, truncation: false }) as Record<string, Tensor>;
    const tokens = inputs["input_ids"]?.dims.at(-1) ?? 0;
    const window = this.context_window ?? Infinity;
    if (tokens > window) {
      throw new PageError(
        "context_exceeded",
        `text ${index} has ${tokens} tokens, but the model's context window is ${window}; cut it into shorter ones`,
        { prompt_tokens: tokens, context_window: window, parameter: `input[${index}]` },
      );
    }
    const outputs = (await model(inputs)) as Record<string, Tensor | undefined>;
    const vector = pool(read(outputs["last_hidden_state"]), tokens, this.#embedding.pooling);
    return { vector: this.#embedding.normalize ? toLengthOne(vector) : vector, tokens };
  }
}

function read(tensor: Tensor | undefined): Float32Array {
  const data: unknown = tensor?.to("float32").data;
  if (data instanceof Float32Array) return data;
  throw noOutput("vectors");
}

/** One vector of all tokens' (`rows` of them, one after the other). */
function pool(states: Float32Array, rows: number, pooling: Pooling): Float32Array {
  const width = states.length / rows;
  if (pooling === "cls") return states.slice(0, width);
  if (pooling === "last") return states.slice(-width);
  const mean = new Float32Array(width);
  states.forEach((value, at) => { mean[at % width] = (mean[at % width] ?? 0) + value / rows; });
  return mean;
}

function toLengthOne(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
