/** How far the start of Python is: by the bytes of its parts, whichever way they come. */

import { expect, test } from "vitest";
import { BootProgress, fileOf } from "../../web/src/python/boot-progress.ts";

const SIZES = new Map([["a.wasm", 6000], ["b.bin", 3000], ["c.mjs", 1000]]);

function watch(): { progress: BootProgress; told: [number, number][] } {
  const told: [number, number][] = [];
  return { progress: new BootProgress((received, total) => told.push([received, total])), told };
}

const body = (...chunks: number[]): ReadableStream<Uint8Array<ArrayBuffer>> => new Blob(chunks.map((size) => new Uint8Array(size))).stream();

test("bytes that pass are counted and stay what they are", async () => {
  const { progress, told } = watch();
  progress.expect(SIZES);
  const got = await new Response(progress.through("b.bin", body(1000, 2000))).arrayBuffer();
  expect(got.byteLength).toBe(3000);
  expect(told[0]).toEqual([0, 10_000]);
  expect(told.at(-1)).toEqual([3000, 10_000]);
});

test("what arrived before the sizes are known counts once they are", async () => {
  const { progress, told } = watch();
  await new Response(progress.through("b.bin", body(3000))).arrayBuffer();
  progress.arrived("c.mjs");
  expect(told).toEqual([]);
  progress.expect(SIZES);
  expect(told).toEqual([[4000, 10_000]]);
});

test("a file counts once, as large as it is: also one that was counted as it passed, and one that is longer than promised", async () => {
  const { progress, told } = watch();
  progress.expect(SIZES);
  await new Response(progress.through("b.bin", body(5000))).arrayBuffer();
  progress.arrived("b.bin");
  progress.arrived("b.bin");
  progress.arrived("another.css");
  expect(told.at(-1)).toEqual([3000, 10_000]);
  for (const name of SIZES.keys()) progress.arrived(name);
  expect(told.at(-1)).toEqual([10_000, 10_000]);
});

test("it never goes back, tells little steps together and the end always", async () => {
  const { progress, told } = watch();
  progress.expect(SIZES);
  for (let at = 0; at < 2990; at += 10) await new Response(progress.through("b.bin", body(10))).arrayBuffer();
  expect(told.length).toBeLessThan(70);
  expect(told.map(([received]) => received)).toEqual([...told.map(([received]) => received)].sort((a, b) => a - b));
  for (const name of SIZES.keys()) progress.arrived(name);
  expect(told.at(-1)).toEqual([10_000, 10_000]);
  const count = told.length;
  progress.arrived("a.wasm");
  expect(told).toHaveLength(count);
});

test("a file has its name in its address", () => {
  expect(fileOf("https://a.example/llm/pyodide/a.wasm?0123#x")).toBe("a.wasm");
});
