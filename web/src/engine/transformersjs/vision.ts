/**
 * Images for the decode loop, which knows only numbers. What the vision encoder sees at once, an image or a tile of one, is
 * a block; the rows it makes of a block stand in the prompt where the processor put the image's tokens. Here each row is
 * a number of its own, below 0, made of a hash of the block's pixels: so the KV cache continues after the same image only,
 * and a prompt can be cut into pieces anywhere.
 */

import { RawImage, Tensor, type PreTrainedModel, type Processor } from "@huggingface/transformers";
import { imageSide, imageToken, processorTemplate } from "../../patches/transformers/privates.ts";
import { invalid, PageError } from "../errors.ts";
import { startDigest } from "../files/digest.ts";
import type { SeenImage, SeenMessage } from "../images.ts";
import { idTensor, Network, noOutput } from "./network.ts";
import { refused, templateOf, thinkingSwitch } from "./prompt.ts";

/** The pixels of a block, as the processor made them: [3, height, width]. */
export interface Block {
  readonly pixels: Float32Array;
  readonly height: number;
  readonly width: number;
}

export interface Prompt {
  readonly ids: readonly number[];
  /** By the key in the ids of their rows. */
  readonly blocks: ReadonlyMap<number, Block>;
}

/** More rows than an encoder makes of a block; with 40 bits of a hash a number stays exact. */
const ROWS = 4096;
const HASH_DIGITS = 10;

function rowId(key: number, row: number): number {
  return -(1 + key * ROWS + row);
}

function keyOf(id: number): number {
  return Math.floor((-id - 1) / ROWS);
}

function rowOf(id: number): number {
  return (-id - 1) % ROWS;
}

/** Messages into the ids of a prompt, by the model's own processor. */
export class VisionPrompts {
  readonly #processor: Processor;
  readonly #imageId: number;
  /** How an image is written in the chat template. */
  readonly #mark: string;

  constructor(processor: Processor, model: PreTrainedModel) {
    this.#processor = processor;
    const config = model.config as unknown as Record<string, unknown>;
    const id = config["image_token_id"] ?? config["image_token_index"];
    const mark = imageToken(processor);
    if (typeof id !== "number" || mark === null) throw new PageError("load_failed", "the model does not say which token stands for an image");
    this.#imageId = id;
    this.#mark = mark;
  }

  /** The chat template, where there is one. */
  get template(): unknown {
    const { tokenizer } = this.#processor;
    return processorTemplate(this.#processor) ?? (tokenizer === undefined ? null : templateOf(tokenizer));
  }

  /** A block of the size that the encoder takes, with nothing on it. */
  blank(): Block {
    const side = imageSide(this.#processor);
    if (side === null) throw new PageError("load_failed", "the model does not say how large its images are");
    return { pixels: new Float32Array(3 * side * side), height: side, width: side };
  }

  async encode(messages: readonly SeenMessage[], thinking?: boolean): Promise<Prompt> {
    const images = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content.filter((part): part is SeenImage => part.type === "image")));
    const text = this.#render(messages, thinking);
    if (images.length === 0) return { ids: this.#processor.tokenizer?.encode(text) ?? [], blocks: new Map() };
    const raw = await Promise.all(images.map(({ bytes }) => RawImage.fromBlob(bytes)));
    const inputs = (await this.#processor(text, raw)) as Record<string, Tensor | undefined>;
    const { input_ids, pixel_values } = inputs;
    if (input_ids === undefined || pixel_values === undefined) throw noOutput("pixels");
    return this.#withRows(Array.from(input_ids.data as BigInt64Array, Number), pixel_values);
  }

  /** Templates of vision models iterate over parts, so a single text is a part too. */
  #render(messages: readonly SeenMessage[], thinking: boolean | undefined): string {
    const rendered = messages.map(({ role, content }, index) => {
      const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : content;
      for (const part of parts) {
        if (part.type !== "text" || !part.text.includes(this.#mark)) continue;
        throw invalid(`messages[${index}].content`, `'messages[${index}].content' has the text ${this.#mark}, which stands for an image in this model; take it out`);
      }
      return { role, content: parts.map((part) => (part.type === "text" ? part : { type: "image" })) };
    });
    try {
      const options = { add_generation_prompt: true, tokenize: false, ...thinkingSwitch(this.template, thinking) };
      return this.#processor.apply_chat_template(rendered, options) as string;
    } catch (error) {
      throw refused(error);
    }
  }

  async #withRows(ids: readonly number[], pixelValues: Tensor): Promise<Prompt> {
    const [, count = 0, , height = 0, width = 0] = pixelValues.dims;
    const rows = ids.filter((id) => id === this.#imageId).length;
    const each = rows / count;
    if (!Number.isInteger(each) || each < 1 || each > ROWS) {
      throw new PageError("internal", `the processor made ${rows} tokens for ${count} images and tiles, which is not the same number for each`);
    }
    const pixels = pixelValues.to("float32").data as Float32Array;
    const size = pixels.length / count;
    const keys: number[] = [];
    const blocks = new Map<number, Block>();
    for (let index = 0; index < count; index += 1) {
      const block = { pixels: pixels.subarray(index * size, (index + 1) * size), height, width };
      const key = await hash(block.pixels);
      keys.push(key);
      blocks.set(key, block);
    }
    let row = 0;
    const numbered = ids.map((id) => {
      if (id !== this.#imageId) return id;
      const key = keys[Math.floor(row / each)] ?? 0;
      return rowId(key, row++ % each);
    });
    return { ids: numbered, blocks };
  }
}

async function hash(pixels: Float32Array): Promise<number> {
  const digest = await startDigest("sha256");
  digest.update(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
  return Number.parseInt(digest.hex().slice(0, HASH_DIGITS), 16);
}

/** A network whose first layer is given vectors: a token's own, or the row of an image. */
export class VisionNetwork extends Network {
  /** Of the prompt that runs. */
  #blocks: ReadonlyMap<number, Block> = new Map();
  /** What the encoder made of blocks, by their keys. */
  readonly #rows = new Map<number, Tensor>();

  /** The images that may be among the ids from now on; what was computed from others is freed. */
  show(blocks: ReadonlyMap<number, Block>): void {
    this.#blocks = blocks;
    for (const key of this.#rows.keys()) if (!blocks.has(key)) this.#rows.delete(key);
  }

  async prepare(ids: readonly number[], goOn: () => Promise<boolean>): Promise<boolean> {
    for (const key of new Set(ids.filter((id) => id < 0).map(keyOf))) {
      if (this.#rows.has(key)) continue;
      // A block is one run of the encoder, which nothing interrupts.
      if (!(await goOn())) return false;
      const block = this.#blocks.get(key);
      if (block === undefined) throw new PageError("internal", "an image's pixels were freed too early");
      this.#rows.set(key, await this.encode(block));
    }
    return true;
  }

  /** The rows of a block: [1, rows, width]. */
  async encode({ pixels, height, width }: Block): Promise<Tensor> {
    const features = (await this.model.encode_image({
      pixel_values: new Tensor("float32", pixels, [1, 1, 3, height, width]),
      pixel_attention_mask: new Tensor("bool", new Uint8Array(height * width).fill(1), [1, 1, height, width]),
    })) as Tensor | undefined;
    if (features === undefined) throw noOutput("image features");
    return features;
  }

  protected override async inputs(ids: readonly number[]): Promise<Record<string, Tensor>> {
    // Any token can stand in for a row; its vector is replaced below.
    const embeds = (await this.model.encode_text({ input_ids: idTensor(ids.map((id) => Math.max(id, 0))) })) as Tensor | undefined;
    if (embeds === undefined) throw noOutput("embeddings");
    const width = embeds.dims.at(-1) ?? 0;
    const vectors = embeds.data as Float32Array;
    ids.forEach((id, place) => {
      if (id >= 0) return;
      const rows = this.#rows.get(keyOf(id));
      if (rows === undefined || rows.type !== embeds.type || rows.dims.at(-1) !== width) {
        throw new PageError("internal", "an image's rows have another type or width than the tokens' vectors");
      }
      const from = rowOf(id) * width;
      vectors.set((rows.data as Float32Array).subarray(from, from + width), place * width);
    });
    return { inputs_embeds: embeds };
  }
}
