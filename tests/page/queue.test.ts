import { describe, expect, it } from "vitest";
import { cancelled } from "../../web/src/engine/errors.ts";
import { FifoQueue } from "../../web/src/engine/queue.ts";
import { settle } from "./helpers.ts";

const never = new AbortController().signal;
const ignore = (): void => undefined;

describe("the queue", () => {
  it("lets one in at a time, in the order they came", async () => {
    const queue = new FifoQueue();
    const order: string[] = [];
    const first = await queue.turn(never, ignore);
    const wait = async (name: string): Promise<void> => {
      const done = await queue.turn(never, ignore);
      order.push(name);
      done();
    };
    const all = [wait("a"), wait("b"), wait("c")];
    await settle();
    expect(order).toEqual([]);
    expect(queue.length).toBe(3);
    first();
    await Promise.all(all);
    expect(order).toEqual(["a", "b", "c"]);
    expect(queue.length).toBe(0);
  });

  it("reports each task's position, and again when it moves up", async () => {
    const queue = new FifoQueue();
    const first = await queue.turn(never, ignore);
    const places: Record<string, number[]> = { a: [], b: [] };
    const a = queue.turn(never, (place) => places["a"]?.push(place));
    void queue.turn(never, (place) => places["b"]?.push(place));
    first();
    await a;
    expect(places).toEqual({ a: [1], b: [2, 1] });
  });

  it("forgets one who gives up, and the others move up", async () => {
    const queue = new FifoQueue();
    const first = await queue.turn(never, ignore);
    const quitter = new AbortController();
    const places: number[] = [];
    const gone = queue.turn(quitter.signal, ignore);
    const next = queue.turn(never, (place) => places.push(place));
    quitter.abort(cancelled("the wait"));
    await expect(gone).rejects.toMatchObject({ code: "cancelled" });
    expect(places).toEqual([2, 1]);
    first();
    (await next)();
    await queue.turn(never, ignore); // and the line is free again
  });

  it("does not start a task that was cancelled while it waited", async () => {
    const controller = new AbortController();
    controller.abort(cancelled("it"));
    await expect(new FifoQueue().turn(controller.signal, ignore)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("refuses who comes when it is full", async () => {
    const queue = new FifoQueue(1);
    const first = await queue.turn(never, ignore);
    const second = queue.turn(never, ignore);
    await expect(queue.turn(never, ignore)).rejects.toMatchObject({ code: "queue_full", data: { limit: 1 } });
    first();
    await second;
  });

  it("ends a turn once, even if its end is called twice", async () => {
    const queue = new FifoQueue();
    const first = await queue.turn(never, ignore);
    const second = queue.turn(never, ignore);
    const third = queue.turn(never, ignore);
    let thirdIn = false;
    void third.then(() => { thirdIn = true; });
    first();
    first();
    await second;
    await settle();
    expect(thirdIn).toBe(false);
  });
});
