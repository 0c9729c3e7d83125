/** Picks the next token from logits: greedy at temperature 0, otherwise drawn with a seed. */

import type { ChatOptions } from "../options.ts";

/** A number in [0, 1). */
export type Random = () => number;

/** mulberry32: small, fast, and the same everywhere for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SamplerDefaults {
  readonly temperature: number;
  readonly top_p: number;
  /** 0: no limit. */
  readonly top_k: number;
  readonly repetition_penalty: number;
}

/** Past this distance below the best logit (at temperature 1) a token's chance is under one in a billion. */
const NEGLIGIBLE = 21;

export class Sampler {
  readonly #temperature: number;
  readonly #topP: number;
  readonly #topK: number;
  readonly #options: ChatOptions;
  readonly #repetition: number;
  readonly #random: Random;
  /** How often each token was generated: what the penalties look at. */
  readonly #counts = new Map<number, number>();

  constructor(options: ChatOptions, defaults: SamplerDefaults, random: Random) {
    this.#options = options;
    this.#temperature = options.temperature ?? defaults.temperature;
    this.#topP = options.top_p ?? defaults.top_p;
    this.#topK = options.top_k ?? defaults.top_k;
    this.#repetition = defaults.repetition_penalty;
    this.#random = random;
  }

  /** The next token. Changes `logits`: penalties and biases are put in. */
  pick(logits: Float32Array): number {
    this.#adjust(logits);
    const id = this.#temperature === 0 ? argmax(logits) : this.#draw(logits);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    return id;
  }

  #adjust(logits: Float32Array): void {
    const { frequency_penalty = 0, presence_penalty = 0, logit_bias } = this.#options;
    for (const [id, count] of this.#counts) {
      const logit = at(logits, id);
      const repeated = logit > 0 ? logit / this.#repetition : logit * this.#repetition;
      logits[id] = repeated - frequency_penalty * count - presence_penalty;
    }
    for (const [id, bias] of logit_bias ?? []) {
      if (id < logits.length) logits[id] = at(logits, id) + bias;
    }
  }

  #draw(logits: Float32Array): number {
    const best = argmax(logits);
    const top = at(logits, best);
    const floor = top - NEGLIGIBLE * this.#temperature;
    const ids: number[] = [];
    for (let id = 0; id < logits.length; id += 1) if (at(logits, id) >= floor) ids.push(id);
    const limited = this.#topK > 0 || this.#topP < 1;
    if (limited) ids.sort((a, b) => at(logits, b) - at(logits, a));
    if (this.#topK > 0) ids.length = Math.min(ids.length, this.#topK);
    const weights = ids.map((id) => Math.exp((at(logits, id) - top) / this.#temperature));
    let total = weights.reduce((sum, weight) => sum + weight, 0);
    if (this.#topP < 1) {
      const wanted = total * this.#topP;
      let sum = 0;
      let kept = 0;
      while (kept < weights.length && sum < wanted) sum += weights[kept++] ?? 0;
      ids.length = kept;
      total = sum;
    }
    let point = this.#random() * total;
    for (const [index, id] of ids.entries()) {
      point -= weights[index] ?? 0;
      if (point < 0) return id;
    }
    return ids.at(-1) ?? best; // a rounding error was left over
  }
}

export interface RankedLogprob {
  readonly id: number;
  readonly logprob: number;
}

/** Log probabilities at temperature 1: of `id`, and of the `top` likeliest tokens. */
export function logprobsOf(logits: Float32Array, id: number, top: number): { chosen: number; top: readonly RankedLogprob[] } {
  const best = at(logits, argmax(logits));
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - best);
  const norm = best + Math.log(total);
  const ranked: RankedLogprob[] = [];
  for (let other = 0; other < logits.length && top > 0; other += 1) {
    const logprob = at(logits, other) - norm;
    if (ranked.length === top && logprob <= (ranked.at(-1)?.logprob ?? -Infinity)) continue;
    const place = ranked.findIndex((entry) => entry.logprob < logprob);
    ranked.splice(place < 0 ? ranked.length : place, 0, { id: other, logprob });
    if (ranked.length > top) ranked.pop();
  }
  return { chosen: at(logits, id) - norm, top: ranked };
}

function argmax(logits: Float32Array): number {
  let best = 0;
  let highest = -Infinity;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = at(logits, id);
    if (logit > highest) {
      highest = logit;
      best = id;
    }
  }
  return best;
}

function at(logits: Float32Array, id: number): number {
  return logits[id] ?? -Infinity;
}
