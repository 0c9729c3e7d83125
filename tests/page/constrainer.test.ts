import { describe, expect, it, vi } from "vitest";
import { Answerer } from "../../web/src/engine/constraint/answerer.ts";
import { Constrainer, LONGEST_START_MS, type Link } from "../../web/src/engine/constraint/constrainer.ts";
import type { Format } from "../../web/src/engine/constraint/format.ts";
import type { Answer, Ask } from "../../web/src/engine/constraint/messages.ts";
import { readInternals } from "../../web/src/patches/web-llm/internals.ts";
import { settle } from "./helpers.ts";
import { END, load, pocket, pocketVocabulary } from "./xgrammar.ts";

const YES: Format = { type: "grammar", grammar: 'root ::= "yes"' };
const idle = new AbortController().signal;

/** Workers whose answers the test sends. */
class Workers {
  readonly started: { asks: Ask[]; answered: (answer: Answer) => void; broken: (reason: string) => void; closed: boolean }[] = [];
  readonly constrainer = new Constrainer(pocketVocabulary, (answered, broken): Link => {
    const one = { asks: [] as Ask[], answered, broken, closed: false };
    this.started.push(one);
    return { post: (ask) => { one.asks.push(ask); }, close: () => { one.closed = true; } };
  });

  get last(): (typeof this.started)[number] {
    const last = this.started.at(-1);
    if (last === undefined) throw new Error("no worker was started");
    return last;
  }

  answer(word: number | null): void {
    this.last.answered({ type: "mask", mask: word === null ? null : Int32Array.of(word) });
  }
}

describe("a constrainer", () => {
  it("starts a worker with the first request, and sends it the vocabulary once", async () => {
    const workers = new Workers();
    expect(workers.started).toEqual([]);
    for (const fresh of [true, false]) {
      const starting = workers.constrainer.start(YES, idle);
      workers.answer(1);
      const matcher = await starting;
      expect([...(await matcher.mask() ?? [])]).toEqual([1]);
      matcher.end();
      expect(workers.last.asks.splice(0)).toEqual([{ type: "start", format: YES, vocabulary: fresh ? pocketVocabulary() : null }, { type: "end" }]);
    }
    expect(workers.started).toHaveLength(1);
  });

  it("ends a worker that is not ready in time, and starts the next answer with another one", async () => {
    vi.useFakeTimers();
    try {
      const workers = new Workers();
      const starting = expect(workers.constrainer.start(YES, idle)).rejects.toMatchObject({ code: "invalid_request" });
      await vi.advanceTimersByTimeAsync(LONGEST_START_MS);
      await starting;
      expect(workers.last.closed).toBe(true);
      const again = workers.constrainer.start(YES, idle);
      workers.answer(1);
      await again;
      expect(workers.started).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(2 * LONGEST_START_MS);
      expect(workers.last.closed).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it("asks for the next mask while the network runs", async () => {
    const workers = new Workers();
    const starting = workers.constrainer.start(YES, idle);
    workers.answer(1);
    const matcher = await starting;
    matcher.accept(5);
    expect(workers.last.asks.at(-1)).toEqual({ type: "accept", token: 5 });
    workers.answer(2);
    expect([...(await matcher.mask() ?? [])]).toEqual([2]);
    matcher.accept(6);
    workers.answer(null);
    expect(await matcher.mask()).toBeNull();
    matcher.end();
    matcher.end();
    matcher.accept(7);
    expect(workers.last.asks.slice(-2)).toEqual([{ type: "accept", token: 6 }, { type: "end" }]);
  });

  it("reports a refusal as an error of the format, and uses another worker next", async () => {
    const workers = new Workers();
    const starting = workers.constrainer.start(YES, idle);
    workers.last.answered({ type: "refused", reason: "no such thing" });
    await expect(starting).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "response_format" }, message: expect.stringContaining("no such thing") as string });
    expect(workers.last.closed).toBe(true);
    const next = workers.constrainer.start(YES, idle);
    workers.answer(1);
    await next;
    expect(workers.started).toHaveLength(2);
  });

  it("ends a compilation that is stopped", async () => {
    const workers = new Workers();
    const stop = new AbortController();
    const starting = workers.constrainer.start(YES, stop.signal);
    stop.abort(new Error("enough"));
    await expect(starting).rejects.toBe(stop.signal.reason);
    expect(workers.last.closed).toBe(true);
    workers.answer(1); // too late: no caller waits for it
    await expect(workers.constrainer.start(YES, stop.signal)).rejects.toBe(stop.signal.reason);
    expect(workers.started).toHaveLength(1);
    const next = workers.constrainer.start(YES, idle);
    workers.answer(3);
    expect([...((await (await next).mask()) ?? [])]).toEqual([3]);
    const late = new AbortController();
    const started = workers.constrainer.start(YES, late.signal);
    workers.answer(1);
    await started;
    late.abort();
    expect(workers.last.closed).toBe(false); // the worker is there for the next
  });

  it("reports a worker that broke, and a mask that could not be made", async () => {
    const workers = new Workers();
    const starting = workers.constrainer.start(YES, idle);
    workers.last.broken("not fetched");
    await expect(starting).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("not fetched") as string });
    const again = workers.constrainer.start(YES, idle);
    workers.answer(1);
    const matcher = await again;
    matcher.accept(1);
    workers.last.answered({ type: "failed", reason: "no token" });
    await expect(matcher.mask()).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("no token") as string });
    expect(workers.last.closed).toBe(true);
    workers.started[0]?.broken("again"); // from a worker that has ended
    matcher.accept(2);
    await expect(matcher.mask()).rejects.toThrow("ended");
    matcher.end();
  });

  it("closes with its model, even while it waits", async () => {
    const workers = new Workers();
    workers.constrainer.close();
    const starting = workers.constrainer.start(YES, idle);
    workers.constrainer.close();
    await expect(starting).rejects.toThrow("ended");
    expect(workers.last.closed).toBe(true);
    const mute = new Constrainer(() => { throw new Error("no vocabulary"); }, () => { throw new Error("opened"); });
    await expect(mute.start(YES, idle)).rejects.toThrow("no vocabulary");
  });
});

/** A constrainer over the real XGrammar, without a worker. */
function real(): Constrainer {
  return new Constrainer(pocketVocabulary, (answered) => {
    const answerer = new Answerer(load);
    let last: Promise<unknown> = Promise.resolve();
    return {
      post: (ask) => {
        last = last.then(async () => {
          const answer = await answerer.answer(ask);
          if (answer !== null) answered(answer);
        });
      },
      close: () => undefined,
    };
  });
}

describe("WebLLM's pipeline", () => {
  const names = [...pocket.get_vocab()].sort(([, a], [, b]) => a - b).map(([text]) => text);
  const pipelineOf = (changes: object = {}): Record<string, unknown> => ({
    tokenizer: { getVocabSize: () => 2048, idToToken: (id: number) => names[id] },
    fullVocabSize: 2048,
    token_postproc_method: "byte_level",
    prepend_space_in_encode: false,
    stopTokens: [END],
    prepareGrammarMatcherForSampling: () => "its own",
    ...changes,
  });
  const internalsOf = (pipeline: object): ReturnType<typeof readInternals> =>
    readInternals({ loadedModelIdToPipeline: new Map([["m", pipeline]]), loadedModelIdToChatConfig: new Map() }, "m");

  it("describes its tokens as the other engine's tokenizer does", () => {
    const { tokens, ...facts } = internalsOf(pipelineOf()).vocabulary() ?? { tokens: [] };
    expect(facts).toEqual({ kind: "byte_level", prependsSpace: false, size: 2048, stops: [END] });
    expect(tokens.slice(3)).toEqual(pocketVocabulary().tokens.slice(3));
    expect(internalsOf(pipelineOf({ fullVocabSize: 10 })).vocabulary()?.tokens).toHaveLength(10);
    for (const lacking of [{ tokenizer: null }, { fullVocabSize: null }, { token_postproc_method: "other" }, { stopTokens: null }]) {
      expect(internalsOf(pipelineOf(lacking)).vocabulary()).toBeNull();
    }
  });

  it("uses our matcher instead of its own", async () => {
    const pipeline = pipelineOf();
    const internals = internalsOf(pipeline);
    const matcher = await real().start(YES, idle);
    expect(internals.constrain(matcher)).toBe(true);
    const its = pipeline as unknown as {
      prepareGrammarMatcherForSampling: () => unknown;
      grammarMatcher?: { getNextTokenBitmask: () => Promise<Int32Array>; acceptToken: (token: number) => boolean; dispose: () => void };
    };
    expect(its.prepareGrammarMatcherForSampling()).toBeUndefined();
    for (const token of pocket.encode("yes").ids) {
      const mask = await its.grammarMatcher?.getNextTokenBitmask();
      expect(mask).toHaveLength(64);
      expect((mask?.[token >> 5] ?? 0) & (1 << (token & 31))).not.toBe(0);
      expect(its.grammarMatcher?.acceptToken(token)).toBe(true);
    }
    its.grammarMatcher?.dispose();
    expect((await its.grammarMatcher?.getNextTokenBitmask())?.[0]).toBe(1 << END);
    internals.constrain(null);
    expect(its.grammarMatcher).toBeUndefined();
    matcher.end();
    await settle();
  });

  it("reports what has changed in it", async () => {
    const matcher = await real().start(YES, idle);
    expect(internalsOf(pipelineOf({ prepareGrammarMatcherForSampling: null })).constrain(matcher)).toBe(false);
    expect(readInternals({}, "m").constrain(matcher)).toBe(false);
    expect(readInternals({}, "m").vocabulary()).toBeNull();
  });
});

// Last, because an abort ends the instance that the whole file uses.
describe("a grammar that XGrammar refuses", () => {
  it.each<[Format, string]>([
    [{ type: "json", schema: '{"type": "string", "pattern": "(?=a)b"}' }, "Lookahead"],
    [{ type: "json", schema: '{"type": "bogus"}' }, "bogus"],
    [{ type: "grammar", grammar: "root ::= (" }, "EBNF parser error"],
    [{ type: "grammar", grammar: "root ::= other" }, "other"],
    [{ type: "structural_tag", tag: { format: { type: "tag", begin: "a" } } }, "gave no reason"],
    [{ type: "structural_tag", tag: { format: { type: "json_schema", json_schema: { $ref: "#/none" } } } }, "none"],
  ])("is refused with its message: %j", async (format, words) => {
    await expect(real().start(format, idle)).rejects.toMatchObject({ code: "invalid_request", message: expect.stringContaining(words) as string });
  });
});
