import { describe, expect, it } from "vitest";
import { logprobsOf, Sampler, seededRandom, type SamplerDefaults } from "../../web/src/engine/transformersjs/sampler.ts";
import type { ChatOptions } from "../../web/src/engine/options.ts";

const DEFAULTS: SamplerDefaults = { temperature: 1, top_p: 1, top_k: 0, repetition_penalty: 1 };

function sampler(options: ChatOptions, seed = 1, defaults: Partial<SamplerDefaults> = {}): Sampler {
  return new Sampler(options, { ...DEFAULTS, ...defaults }, seededRandom(seed));
}

/** How often each of the tokens is drawn, as fractions. */
function shares(options: ChatOptions, logits: number[], draws = 20_000): number[] {
  const counts = logits.map(() => 0);
  const random = seededRandom(7);
  for (let draw = 0; draw < draws; draw += 1) {
    const id = new Sampler(options, DEFAULTS, random).pick(new Float32Array(logits));
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

const logit = Math.log;

describe("the sampler", () => {
  it("takes the likeliest at temperature 0", () => {
    expect(sampler({ temperature: 0 }).pick(new Float32Array([1, 5, 3]))).toBe(1);
  });

  it("draws by probability", () => {
    const [a, b, c] = shares({}, [logit(0.5), logit(0.3), logit(0.2)]);
    expect(a).toBeCloseTo(0.5, 1);
    expect(b).toBeCloseTo(0.3, 1);
    expect(c).toBeCloseTo(0.2, 1);
  });

  it("is bolder when hot and shyer when cold", () => {
    const [cold] = shares({ temperature: 0.5 }, [logit(0.6), logit(0.4)]);
    const [hot] = shares({ temperature: 2 }, [logit(0.6), logit(0.4)]);
    expect(cold).toBeCloseTo(0.36 / (0.36 + 0.16), 1);
    expect(hot).toBeCloseTo(Math.sqrt(0.6) / (Math.sqrt(0.6) + Math.sqrt(0.4)), 1);
  });

  it("keeps to the nucleus with top_p and to the best with top_k", () => {
    const logits = [logit(0.4), logit(0.35), logit(0.2), logit(0.05)];
    expect(shares({ top_p: 0.7 }, logits, 500).slice(2)).toEqual([0, 0]);
    expect(shares({ top_p: 0.01 }, logits, 500)[0]).toBe(1);
    expect(shares({ top_k: 3 }, logits, 2000)[3]).toBe(0);
    expect(shares({ top_k: 1 }, logits, 500)[0]).toBe(1);
    expect(shares({ top_k: 99 }, logits, 500).every((share) => share > 0)).toBe(true);
  });

  it("draws the same with the same seed, and otherwise with another", () => {
    const draw = (seed: number): number[] => {
      const one = sampler({}, seed);
      return Array.from({ length: 20 }, () => one.pick(new Float32Array(50)));
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });

  it("takes a bias into account, also to forbid", () => {
    const bias = (entries: [number, number][]): ChatOptions => ({ temperature: 0, logit_bias: new Map(entries) });
    expect(sampler(bias([[0, 100]])).pick(new Float32Array([0, 5]))).toBe(0);
    expect(sampler(bias([[1, -100], [99, 100]])).pick(new Float32Array([0, 5]))).toBe(0);
  });

  it("tires of what it has said, by each of the penalties, the model's own among them", () => {
    const tired = { repetition_penalty: 3 };
    for (const one of [
      sampler({ temperature: 0, frequency_penalty: 2 }),
      sampler({ temperature: 0, presence_penalty: 2 }),
      sampler({ temperature: 0 }, 1, tired),
    ]) {
      expect(one.pick(new Float32Array([2, 1]))).toBe(0);
      expect(one.pick(new Float32Array([2, 1]))).toBe(1);
    }
    const negative = sampler({ temperature: 0 }, 1, tired);
    expect(negative.pick(new Float32Array([-1, -2]))).toBe(0);
    expect(negative.pick(new Float32Array([-1, -2]))).toBe(1);
  });

  it("punishes by frequency more each time, by presence once", () => {
    const often = sampler({ temperature: 0, frequency_penalty: 1 });
    expect([0, 0, 0].map(() => often.pick(new Float32Array([1.5, 0])))).toEqual([0, 0, 1]);
    const once = sampler({ temperature: 0, presence_penalty: 1 });
    expect([0, 0, 0].map(() => once.pick(new Float32Array([1.5, 0])))).toEqual([0, 0, 0]);
  });

  it("has numbers in [0, 1) that do not repeat soon", () => {
    const random = seededRandom(0);
    const numbers = Array.from({ length: 1000 }, random);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(990);
  });
});

describe("log probabilities", () => {
  it("are normalised, and ranked", () => {
    const logits = new Float32Array([0.5, 0.3, 0.2].map((p) => Math.log(p) + 4));
    const { chosen, top } = logprobsOf(logits, 2, 2);
    expect(chosen).toBeCloseTo(Math.log(0.2), 5);
    expect(top.map(({ id }) => id)).toEqual([0, 1]);
    expect(top[0]?.logprob).toBeCloseTo(Math.log(0.5), 5);
    expect(logprobsOf(logits, 0, 0).top).toEqual([]);
    expect(logprobsOf(new Float32Array([1, 3, 2, 4]), 0, 3).top.map(({ id }) => id)).toEqual([3, 1, 2]);
  });
});
