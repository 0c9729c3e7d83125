import { describe, expect, it } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import type { RequestedFile } from "../../web/src/engine/files/requests.ts";
import { Partials, UNFLUSHED_BYTES } from "../../web/src/engine/files/partial.ts";
import {
  DownloadBench,
  hashOf,
  noise,
  modelFile,
  serve,
  SIZE,
  status,
  URL_OF_FILE,
  type Answer,
  CUT,
  cut,
  whole,
} from "./download_bench.ts";
import { Gate } from "./helpers.ts";

describe("a crash", () => {
  const MEGABYTE = 1024 * 1024;
  const large = noise(12 * MEGABYTE, 3);

  async function crashed(stall: number): Promise<DownloadBench> {
    const bench = new DownloadBench().serve(serve({ bytes: large, stall }), serve({ bytes: large }));
    void bench.start([modelFile({ hash: hashOf("md5", large) })]).catch(() => undefined);
    await bench.received(stall);
    bench.disk.crash();
    return bench;
  }

  /** The same disk and server in a new browser. */
  function reborn(old: DownloadBench): DownloadBench {
    const bench = new DownloadBench().serve(serve({ bytes: large }));
    for (const [name, file] of old.disk.files) bench.disk.files.set(name, { ...file, open: false });
    return bench;
  }

  it("loses only the bytes that were not flushed", async () => {
    const bench = reborn(await crashed(9 * MEGABYTE));
    const [partial] = await new Partials(bench.platform).list();
    const lost = 9 * MEGABYTE - (partial?.loaded_bytes ?? 0);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(UNFLUSHED_BYTES);
    expect(bench.disk.named(".data").flushes).toBe(2); // once for every line of the journal
    const result = await bench.download([modelFile({ hash: hashOf("md5", large) })]);
    expect(result.files[0]).toMatchObject({ resumed_from: partial?.loaded_bytes, verified: "hash" });
    expect(bench.ranges).toEqual([`bytes=${partial?.loaded_bytes}-`]);
    expect(await bench.holds(large)).toBe(true);
  }, 20_000);

  it.each([
    ["a torn line", (journal: Buffer, size: number): Buffer => Buffer.concat([journal.subarray(0, size), Buffer.from("[999999")]), false],
    ["a torn first line", (journal: Buffer): Buffer => journal.subarray(0, 20), true],
    ["a line of zeros", (journal: Buffer, size: number): Buffer => Buffer.concat([journal.subarray(0, size), Buffer.from("\0\0\0\n")]), true],
    ["no journal", (): Buffer => Buffer.alloc(0), true],
  ])("that leaves %s is no lie", async (_, tear, anew) => {
    const bench = reborn(await crashed(5 * MEGABYTE));
    const journal = bench.disk.named(".journal");
    const torn = tear(journal.bytes, journal.size);
    journal.bytes = Buffer.from(torn);
    journal.size = torn.length;
    const result = await bench.download([modelFile({ hash: hashOf("md5", large) })]);
    expect(result.files[0]?.verified).toBe("hash");
    expect(bench.ranges).toEqual([anew ? null : expect.stringMatching(/^bytes=4\d+-$/)]);
  }, 20_000);

  it("after a crash reads the journal that the first one tore", async () => {
    const bench = reborn(await crashed(5 * MEGABYTE));
    const journal = bench.disk.named(".journal");
    journal.bytes = Buffer.concat([journal.bytes.subarray(0, journal.size), Buffer.from("[999999")]);
    journal.size = journal.bytes.length;
    bench.serve(serve({ bytes: large, stall: 10 * MEGABYTE }));
    void bench.start([modelFile({ hash: hashOf("md5", large) })]).catch(() => undefined);
    await bench.received(10 * MEGABYTE);
    const [partial] = await new Partials(bench.platform).list();
    expect(partial?.loaded_bytes).toBeGreaterThan(5 * MEGABYTE);
  });

  it("while a changed file begins again leaves nothing of the old one", async () => {
    const bench = reborn(await crashed(9 * MEGABYTE));
    bench.serve(serve({ bytes: large, etag: '"v2"', stall: MEGABYTE }));
    void bench.start([modelFile()]).catch(() => undefined);
    await bench.requests(2);
    await bench.received(MEGABYTE);
    expect(bench.disk.named(".data").size).toBe(MEGABYTE);
    expect(await new Partials(bench.platform).list()).toMatchObject([{ loaded_bytes: 0 }]);
  });

  it("that loses bytes of the journal continues from those that are left", async () => {
    const bench = reborn(await crashed(5 * MEGABYTE));
    bench.disk.named(".data").size = MEGABYTE;
    const result = await bench.download([modelFile({ hash: hashOf("md5", large) })]);
    expect(result.files[0]).toMatchObject({ resumed_from: MEGABYTE, verified: "hash" });
  }, 20_000);

  it("between the last byte and the cache costs no request", async () => {
    const bench = new DownloadBench().serve(serve());
    bench.caches.onPut = () => { throw new Error("killed"); };
    await expect(bench.download([modelFile(whole)])).rejects.toThrow("killed");
    bench.caches.onPut = () => undefined;
    const result = await bench.download([modelFile(whole)]);
    expect(result.files[0]).toMatchObject({ fetched_bytes: 0, resumed_from: SIZE, verified: "hash" });
    expect(bench.ranges).toEqual([null]);
  });
});

it("A partial of a file that is stored is removed", async () => {
  const bench = new DownloadBench().serve(serve());
  bench.disk.remove = () => Promise.reject(new Error("killed"));
  await expect(bench.download([modelFile(whole)])).rejects.toThrow("killed");
  Reflect.deleteProperty(bench.disk, "remove");
  expect((await bench.download([modelFile(whole)])).files[0]?.verified).toBe("stored");
  expect([...bench.disk.files]).toEqual([]);
});

describe("a partial", () => {
  async function paused(promise: Partial<RequestedFile> = {}, answer: Answer = cut()): Promise<DownloadBench> {
    const bench = new DownloadBench().serve(answer, status(404));
    await expect(bench.download([modelFile(promise)])).rejects.toMatchObject({ code: "download_interrupted" });
    return bench;
  }

  it("is not used if another size is expected now", async () => {
    const bench = await paused();
    bench.serve(serve());
    await expect(bench.download([modelFile({ size_bytes: SIZE + 1 })])).rejects.toMatchObject({ code: "integrity" });
    expect(bench.ranges.slice(2)).toEqual([null, null]);
  });

  it("belongs to one cache", async () => {
    const bench = await paused();
    bench.serve(serve());
    const result = await bench.download([modelFile({ cache: "webllm/wasm" })]);
    expect(result.files[0]?.resumed_from).toBe(0);
  });

  it("is removed by its address, unless it is being downloaded", async () => {
    const bench = await paused();
    const partials = new Partials(bench.platform);
    await partials.remove("https://models.example/other");
    expect(await partials.list()).toHaveLength(1);
    await partials.remove(URL_OF_FILE);
    expect(await partials.list()).toEqual([]);
    expect([...bench.disk.files]).toEqual([]);
  });
});

describe("a full disk", () => {
  it("is named, with what is needed and left, and what was flushed stays", async () => {
    const bench = new DownloadBench().serve(serve());
    bench.disk.capacity = 60_000;
    await expect(bench.download([modelFile(whole)])).rejects.toMatchObject({
      code: "quota_exceeded",
      data: { url: URL_OF_FILE, needed_bytes: SIZE - CUT, available_bytes: 1000 },
    });
    expect(await new Partials(bench.platform).list()).toMatchObject([{ loaded_bytes: CUT }]);
    bench.disk.capacity = Infinity;
    expect((await bench.download([modelFile(whole)])).files[0]).toMatchObject({ resumed_from: CUT, verified: "hash" });
  });

  it("may fail the copy into the cache: the whole partial stays", async () => {
    const bench = new DownloadBench().serve(serve());
    bench.caches.onPut = (url) => { if (url === URL_OF_FILE) throw new DOMException("full", "QuotaExceededError"); };
    bench.left = null;
    await expect(bench.download([modelFile(whole)])).rejects.toMatchObject({
      code: "quota_exceeded",
      data: { needed_bytes: SIZE, available_bytes: null },
    });
    expect(await new Partials(bench.platform).list()).toMatchObject([{ loaded_bytes: SIZE }]);
  });
});

describe("a disk that is full from the start", () => {
  it.each(["QuotaExceededError", "UnknownError", "InvalidAccessError"])("is named before a file of the download is opened (%s)", async (name) => {
    const bench = new DownloadBench().serve(serve());
    bench.left = null;
    bench.caches.onPut = () => { throw new DOMException("full", name); };
    await expect(bench.download([modelFile(whole)])).rejects.toMatchObject({ code: "quota_exceeded", data: { needed_bytes: SIZE } });
    expect([...bench.disk.files]).toEqual([]);
    expect(bench.asked).toEqual([]);
    bench.caches.onPut = () => undefined;
    expect((await bench.download([modelFile(whole)])).files[0]).toMatchObject({ verified: "hash" });
    expect([...bench.caches.caches.keys()]).not.toContain("browserllm-room");
  });
});

describe("a disk that fails when a partial is opened", () => {
  it("leaves neither of its files open: the next attempt works at once", async () => {
    const bench = new DownloadBench().serve(serve());
    bench.disk.onTruncate = () => { throw new DOMException("full", "QuotaExceededError"); };
    await expect(bench.download([modelFile(whole)])).rejects.toMatchObject({ code: "quota_exceeded" });
    expect([...bench.disk.files.values()].map(({ open }) => open)).toEqual([false, false]);
    bench.disk.onTruncate = () => undefined;
    expect((await bench.download([modelFile(whole)])).files[0]).toMatchObject({ verified: "hash" });
  });
});

describe("a disk that is fuller than the browser says", () => {
  it.each<readonly [string, (bench: DownloadBench) => void]>([
    ["a file of its own", (bench: DownloadBench) => { bench.disk.capacity = 60_000; }],
    ...["UnknownError", "InvalidAccessError"].map((name) => [
      `a cache, ${name}`,
      (bench: DownloadBench) => { bench.caches.onPut = () => { throw new DOMException("Unexpected internal error.", name); }; },
    ] as const),
  ])("is named, without a number that is not true (%s)", async (_, fill) => {
    const bench = new DownloadBench().serve(serve());
    bench.left = 10 * 1024 ** 3;
    fill(bench);
    const failure = bench.download([modelFile(whole)]);
    await expect(failure).rejects.toMatchObject({ code: "quota_exceeded", data: { available_bytes: null } });
    await expect(failure).rejects.toThrow(/^the disk is full: this file needs [\d.]+ \w+ more; delete a model or free disk space/);
  });
});

describe("two downloads of one file", () => {
  it("fetch it once: the second waits and finds it", async () => {
    const gate = new Gate<Response>();
    const bench = new DownloadBench().serve(() => gate.promise);
    const one = bench.start([modelFile(whole)]);
    const two = bench.start([modelFile(whole), modelFile(whole)]);
    await bench.requests(1);
    expect(bench.asked).toHaveLength(1);
    gate.open(await serve()({ url: "", method: "", at: 0, range: null, ifRange: null, init: {} }));
    expect((await bench.finish(one)).files.map(({ verified }) => verified)).toEqual(["hash"]);
    expect((await bench.finish(two)).files.map(({ verified }) => verified)).toEqual(["stored", "stored"]);
    expect(bench.asked).toHaveLength(1);
  });

  it("continue with the second when the first is stopped", async () => {
    const bench = new DownloadBench().serve(serve({ stall: CUT }), serve());
    const stop = new AbortController();
    const one = bench.start([modelFile(whole)], {}, stop.signal);
    const two = bench.start([modelFile(whole)]);
    await bench.received(CUT);
    stop.abort(new PageError("cancelled", "it was cancelled"));
    await expect(one).rejects.toMatchObject({ code: "cancelled" });
    expect((await bench.finish(two)).files[0]).toMatchObject({ resumed_from: CUT, verified: "hash" });
  });
});
