import { describe, expect, it } from "vitest";
import { systemClock } from "../../web/src/engine/clock.ts";
import { ChunkOutbox, FRAME_MS } from "../../web/src/engine/outbox.ts";
import type { Chunk } from "../../web/src/engine/protocol.ts";
import { ManualClock } from "./helpers.ts";

function make(): { outbox: ChunkOutbox; clock: ManualClock; sent: Chunk[] } {
  const clock = new ManualClock();
  const sent: Chunk[] = [];
  return { clock, sent, outbox: new ChunkOutbox((chunk) => sent.push(chunk), clock) };
}

describe("chunks", () => {
  it("go out at once when they are the first, and share a message within a frame", () => {
    const { outbox, clock, sent } = make();
    outbox.push("a", 1);
    outbox.push("b", 1);
    clock.advance(5);
    outbox.push("c", 2);
    expect(sent).toEqual([{ text: "a", tokens: 1 }]);
    clock.advance(FRAME_MS - 5);
    expect(sent).toEqual([{ text: "a", tokens: 1 }, { text: "bc", tokens: 3 }]);
  });

  it("go out at once after a pause of a frame, though no timer has run", () => {
    const { outbox, clock, sent } = make();
    outbox.push("a", 1);
    outbox.push("b", 1);
    clock.time += FRAME_MS; // the runtime kept the thread: no timer could fire
    outbox.push("c", 1);
    expect(sent.map(({ text }) => text)).toEqual(["a", "bc"]);
    clock.advance(FRAME_MS);
    expect(sent).toHaveLength(2);
  });

  it("are never more than one a frame, however many tokens come", () => {
    const { outbox, clock, sent } = make();
    for (let token = 0; token < 1000; token += 1) {
      outbox.push("x", 1);
      clock.advance(1);
    }
    outbox.flush();
    expect(sent.length).toBeLessThanOrEqual(1000 / FRAME_MS + 2);
    expect(sent.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(1000);
    expect(sent.map(({ text }) => text).join("")).toBe("x".repeat(1000));
  });

  it("say once how the prompt ended, with the first of them", () => {
    const { outbox, clock, sent } = make();
    outbox.push("a", 1, [], "<think>");
    outbox.push("b", 1);
    clock.advance(100);
    expect(sent).toEqual([{ text: "a", tokens: 1, prompt_end: "<think>" }, { text: "b", tokens: 1 }]);
  });

  it("carry logprobs along, and nothing is sent when nothing is there", () => {
    const { outbox, clock, sent } = make();
    const entry = { token: "a", logprob: -1, bytes: null, top_logprobs: [] };
    outbox.flush();
    outbox.push("a", 1, [entry]);
    outbox.push("b", 1, [entry]);
    outbox.push("", 1, [entry]);
    outbox.flush();
    clock.advance(100);
    expect(sent).toEqual([
      { text: "a", tokens: 1, logprobs: [entry] },
      { text: "b", tokens: 2, logprobs: [entry, entry] },
    ]);
  });

  it("keep time by the system's clock", async () => {
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.after(1, resolve));
    expect(systemClock.now()).toBeGreaterThan(before);
    systemClock.after(0, () => { throw new Error("taken back"); })();
  });
});
