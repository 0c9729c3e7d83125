import { describe, expect, it } from "vitest";
import { makeYielder } from "../../web/src/engine/transformersjs/event-loop.ts";
import { Decoder, type DecodeJob, type PrefillPace, type TokenModel } from "../../web/src/engine/transformersjs/decoder.ts";
import { Sampler, seededRandom } from "../../web/src/engine/transformersjs/sampler.ts";

const END = 9;
const PACE: PrefillPace = { start: 4, least: 2, most: 16, target_ms: 20 };

/** A network that counts: after token n it predicts n + 1. Each token takes `cost` milliseconds of the test's clock. */
class Counter implements TokenModel {
  readonly fed: { ids: readonly number[]; past: number }[] = [];
  resets = 0;
  clock = 0;
  cost = 1;
  failAt = Infinity;

  feed(ids: readonly number[], past: number): Promise<Float32Array> {
    if (this.fed.length >= this.failAt) return Promise.reject(new Error("boom"));
    this.fed.push({ ids, past });
    this.clock += this.cost * ids.length;
    const logits = new Float32Array(100);
    logits[(ids.at(-1) ?? 0) + 1] = 1;
    return Promise.resolve(logits);
  }

  reset(): Promise<void> {
    this.resets += 1;
    return Promise.resolve();
  }
}

function make(yieldToEvents = (): Promise<void> => Promise.resolve()): { network: Counter; decoder: Decoder } {
  const network = new Counter();
  return { network, decoder: new Decoder(network, yieldToEvents, PACE, () => network.clock) };
}

function job(prompt: number[], changes: Partial<DecodeJob> = {}): DecodeJob & { said: number[] } {
  const said: number[] = [];
  return {
    said,
    prompt,
    maxTokens: Infinity,
    contextWindow: Infinity,
    sampler: new Sampler({ temperature: 0 }, { temperature: 0, top_p: 1, top_k: 0, repetition_penalty: 1 }, seededRandom(1)),
    isEnd: (id) => id === END,
    onToken: (id) => said.push(id) > 0,
    signal: new AbortController().signal,
    ...changes,
  };
}

describe("the decode loop", () => {
  it("runs to the end token, which is neither shown nor counted", async () => {
    const { decoder } = make();
    const one = job([4, 5]);
    expect(await decoder.run(one)).toEqual({ finish: "stop", generated: 4, cached: 0 });
    expect(one.said).toEqual([6, 7, 8]);
  });

  it("ends for length at max_tokens and at the context window", async () => {
    expect(await make().decoder.run(job([1], { maxTokens: 3 }))).toMatchObject({ finish: "length", generated: 3 });
    expect(await make().decoder.run(job([1], { contextWindow: 4 }))).toMatchObject({ finish: "length", generated: 3 });
    expect(await make().decoder.run(job([1], { maxTokens: 1 }))).toMatchObject({ finish: "length", generated: 1 });
  });

  it("prepares each piece before it is fed, and stops between two steps of that", async () => {
    const { network, decoder } = make();
    const steps: string[] = [];
    const feed = network.feed.bind(network);
    const prepared: TokenModel = Object.assign(network, {
      feed: (ids: readonly number[], past: number) => {
        steps.push(`feed ${ids.join()}`);
        return feed(ids, past);
      },
      prepare: async (ids: readonly number[], goOn: () => Promise<boolean>) => {
        for (const id of ids.filter((each) => each < 0)) {
          if (!(await goOn())) return false;
          steps.push(`prepare ${id}`);
          if (id === -3) stop.abort();
        }
        return true;
      },
    });
    const stop = new AbortController();
    expect(prepared).toBe(network);
    expect(await decoder.run(job([1, -1, 2, -2, 6], { maxTokens: 1 }))).toMatchObject({ generated: 1, cached: 0 });
    expect(steps).toEqual(["prepare -1", "prepare -2", "feed 1,-1,2,-2", "feed 6"]);
    // The same numbers mean the same image, which is cached; another image is not.
    expect(await decoder.run(job([1, -1, 2, -2, 6, 7], { maxTokens: 1 }))).toMatchObject({ cached: 5 });
    expect(await decoder.run(job([1, -3, -4], { signal: stop.signal }))).toEqual({ finish: "cancelled", generated: 0, cached: 0 });
    expect(steps.slice(4)).toEqual(["feed 7", "prepare -3"]);
  });

  it("ends when the text has ended", async () => {
    const { decoder } = make();
    expect(await decoder.run(job([1], { onToken: (id) => id < 4 }))).toMatchObject({ finish: "stop", generated: 3 });
  });

  it("reuses the KV cache when the next prompt continues it", async () => {
    const { network, decoder } = make();
    await decoder.run(job([4, 5]));
    const next = await decoder.run(job([4, 5, 6, 7, 8, 9, 2, 3]));
    expect(next.cached).toBe(5);
    expect(network.resets).toBe(0);
    expect(network.fed.find(({ past }) => past === 5)?.ids).toEqual([9, 2, 3]);
  });

  it("drops the KV cache when the next prompt differs, or is the same again", async () => {
    const { network, decoder } = make();
    await decoder.run(job([4, 5]));
    expect(await decoder.run(job([4, 6]))).toMatchObject({ cached: 0 });
    expect(network.resets).toBe(1);
    expect(await decoder.run(job([4, 6]))).toMatchObject({ cached: 0 });
    expect(network.resets).toBe(2);
  });

  it("feeds a long prompt in pieces as large as the time allows", async () => {
    const { network, decoder } = make();
    await decoder.run(job(Array.from({ length: 60 }, () => 1), { maxTokens: 1 }));
    expect(network.fed.map(({ ids }) => ids.length)).toEqual([4, 16, 16, 16, 8]);
    network.fed.length = 0;
    await decoder.run(job(Array.from({ length: 20 }, () => 2), { maxTokens: 1 }));
    expect(network.fed.map(({ ids }) => ids.length)).toEqual([16, 4]); // it has learned
    network.fed.length = 0;
    network.cost = 100;
    await decoder.run(job(Array.from({ length: 40 }, () => 3), { maxTokens: 1 }));
    // and keeps to it however slow the machine is just now: the same prompt goes in the same way, and gets the same answer
    expect(network.fed.map(({ ids }) => ids.length)).toEqual([16, 16, 8]);
    const slow = make();
    slow.network.cost = 100;
    await slow.decoder.run(job([1, 1, 1, 1, 1, 1, 1], { maxTokens: 1 }));
    expect(slow.network.fed.map(({ ids }) => ids.length)).toEqual([4, 2, 1]);
    const instant = make();
    instant.network.cost = 0;
    await instant.decoder.run(job(Array.from({ length: 30 }, () => 1), { maxTokens: 1 }));
    expect(instant.network.fed.map(({ ids }) => ids.length)).toEqual([4, 16, 10]);
    const odd = make();
    odd.network.cost = 1.5;
    await odd.decoder.run(job(Array.from({ length: 30 }, () => 1), { maxTokens: 1 }));
    expect(odd.network.fed.map(({ ids }) => ids.length)).toEqual([4, 8, 8, 8, 2]); // 13 would fit
  });

  it("stops between two tokens, and knows what it has fed", async () => {
    const controller = new AbortController();
    const { decoder } = make();
    const one = job([1], { signal: controller.signal, onToken: (id) => { if (id === 3) controller.abort(); return true; } });
    expect(await decoder.run(one)).toMatchObject({ finish: "cancelled", generated: 2 });
    expect(await decoder.run(job([1, 2, 3]))).toMatchObject({ cached: 2, finish: "stop" });
  });

  it("stops between two pieces of a prompt, and goes on from there", async () => {
    const controller = new AbortController();
    const { network, decoder } = make(() => { controller.abort(); return Promise.resolve(); });
    const prompt = Array.from({ length: 30 }, () => 1);
    expect(await decoder.run(job(prompt, { signal: controller.signal }))).toEqual({ finish: "cancelled", generated: 0, cached: 0 });
    expect(network.fed).toHaveLength(1);
    expect(await decoder.run(job(prompt, { maxTokens: 1 }))).toMatchObject({ cached: 4 });
  });

  describe("with a constraint", () => {
    /** Allows these tokens, one set after the other, and notes the tokens that it accepts. */
    const matcher = (...allowed: number[][]): { said: number[]; mask: () => Promise<Int32Array | null>; accept: (id: number) => void } => {
      const said: number[] = [];
      return {
        said,
        accept: (id) => { said.push(id); },
        mask: () => {
          const ids = allowed[said.length];
          if (ids === undefined) return Promise.reject(new Error("no mask"));
          const mask = new Int32Array(4);
          for (const id of ids) mask[id >> 5] = (mask[id >> 5] ?? 0) | (1 << (id & 31));
          return Promise.resolve(mask);
        },
      };
    };

    it("limits the tokens, and probabilities are computed from the allowed ones", async () => {
      const constraint = matcher([3, 50], [4], [END]);
      const possible: number[] = [];
      const one = job([1], {
        matcher: constraint,
        onToken: (id, logits) => {
          possible.push(logits.filter((logit) => logit > -Infinity).length);
          return one.said.push(id) > 0;
        },
      });
      expect(await make().decoder.run(one)).toEqual({ finish: "stop", generated: 3, cached: 0 });
      expect(one.said).toEqual([3, 4]);
      expect(possible).toEqual([2, 1]);
      expect(constraint.said).toEqual([3, 4]); // no mask is requested after the end
    });

    it("applies the constraint before a bias and before top_k", async () => {
      const bias = new Map([[2, 100], [70, -100]]);
      const options = { logit_bias: bias, top_k: 1, temperature: 1 };
      const sampler = new Sampler(options, { temperature: 1, top_p: 1, top_k: 0, repetition_penalty: 1 }, seededRandom(1));
      const one = job([1], { matcher: matcher([70], [71]), sampler, maxTokens: 2 });
      expect(await make().decoder.run(one)).toMatchObject({ finish: "length", generated: 2 });
      expect(one.said).toEqual([70, 71]);
    });

    it("can be stopped while it waits for a mask", async () => {
      const controller = new AbortController();
      const constraint = { ...matcher([3]), mask: () => { controller.abort(); return Promise.resolve(null); } };
      const { decoder } = make();
      expect(await decoder.run(job([1], { matcher: constraint, signal: controller.signal }))).toMatchObject({ finish: "cancelled", generated: 0 });
    });

    it("fails with the constraint, and works again afterwards", async () => {
      const { network, decoder } = make();
      await expect(decoder.run(job([1], { matcher: matcher([3]) }))).rejects.toThrow("no mask");
      expect(network.resets).toBe(1);
      const free = job([1]);
      expect(await decoder.run(free)).toMatchObject({ cached: 0, finish: "stop" });
      expect(free.said).toEqual([2, 3, 4, 5, 6, 7, 8]);
    });
  });

  it("drops the KV cache after a failure", async () => {
    const { network, decoder } = make();
    network.failAt = 2;
    await expect(decoder.run(job([1]))).rejects.toThrow("boom");
    expect(network.resets).toBe(1);
    network.failAt = Infinity;
    expect(await decoder.run(job([1]))).toMatchObject({ cached: 0, finish: "stop" });
  });
});

describe("yielding to the event loop", () => {
  it("lets other tasks run once enough time has passed, and not before", async () => {
    let now = 0;
    const yieldToEvents = makeYielder(() => now);
    let heard = 0;
    // Another task that waits for the event loop, like a message to a worker.
    setImmediate(() => { heard += 1; });
    await yieldToEvents();
    expect(heard).toBe(0);
    for (let turns = 0; turns < 20 && heard === 0; turns += 1) {
      now += 8;
      await yieldToEvents();
    }
    expect(heard).toBe(1);
  });
});
