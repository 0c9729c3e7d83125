/** The network as the decode loop sees it: tokens in, logits out, with the KV cache kept in between. */

import { DynamicCache, Tensor, type PreTrainedModel } from "@huggingface/transformers";
import { takeFailure } from "../../patches/transformers/sessions.ts";
import { PageError } from "../errors.ts";
import type { TokenModel } from "./decoder.ts";

export class Network implements TokenModel {
  protected readonly model: PreTrainedModel;
  #cache: DynamicCache | null = null;

  constructor(model: PreTrainedModel) {
    this.model = model;
  }

  async feed(ids: readonly number[], past: number): Promise<Float32Array> {
    const outputs: unknown = await this.model.forward({
      ...(await this.inputs(ids)),
      attention_mask: new Tensor("int64", new BigInt64Array(past + ids.length).fill(1n), [1, past + ids.length]),
      past_key_values: this.#cache,
      // Only some networks have this input; the library drops it for the others.
      num_logits_to_keep: new Tensor("int64", [1n], []),
    });
    const tensors = readTensors(outputs);
    const logits = tensors.get("logits");
    if (logits === undefined) throw noOutput("logits");
    this.#keep(tensors);
    const last = lastRow(logits);
    for (const [name, tensor] of tensors) if (!name.startsWith("present") && tensor.location === "gpu-buffer") tensor.dispose();
    return last;
  }

  async reset(): Promise<void> {
    const cache = this.#cache;
    this.#cache = null;
    await cache?.dispose();
  }

  /** What the network's first layer is given of these tokens. */
  protected inputs(ids: readonly number[]): Promise<Record<string, Tensor>> {
    return Promise.resolve({ input_ids: idTensor(ids) });
  }

  #keep(tensors: ReadonlyMap<string, Tensor>): void {
    const entries: Record<string, Tensor> = {};
    for (const [name, tensor] of tensors) if (name.startsWith("present")) entries[inputNameOf(name)] = tensor;
    if (this.#cache === null) this.#cache = new DynamicCache(entries);
    else this.#cache.update(entries);
  }
}

/** The input that an output of the KV cache goes back into: `present.0.key` is `past_key_values.0.key`. */
function inputNameOf(output: string): string {
  return /^present_/.test(output) ? output.replace("present_", "past_") : output.replace("present", "past_key_values");
}

export function idTensor(ids: readonly number[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
}

/** The error for a session without this output: its own error, where it had one. */
export function noOutput(name: string): Error {
  return (takeFailure() as Error | null) ?? new PageError("internal", `the network gave no ${name}`);
}

function readTensors(outputs: unknown): ReadonlyMap<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(outputs ?? {}) as [string, unknown][]) {
    if (value instanceof Tensor) found.set(name, value);
  }
  return found;
}

function lastRow(logits: Tensor): Float32Array {
  const width = logits.dims.at(-1) ?? 0;
  const data: unknown = logits.data;
  if (data instanceof Float32Array) return data.slice(data.length - width);
  const converted: unknown = logits.to("float32").data;
  if (converted instanceof Float32Array) return converted.slice(converted.length - width);
  throw new PageError("unsupported", `the network's logits are ${logits.type}, which this engine cannot read`);
}
