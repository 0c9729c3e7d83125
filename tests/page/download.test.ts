import { describe, expect, it } from "vitest";
import { cancelled, PageError } from "../../web/src/engine/errors.ts";
import type { FileOrder } from "../../web/src/engine/files/orders.ts";
import { Partials, UNFLUSHED_BYTES } from "../../web/src/engine/files/partial.ts";
import { Turns } from "../../web/src/engine/files/turns.ts";
import {
  BYTES,
  DownloadBench,
  hashOf,
  nobody,
  noise,
  order,
  serve,
  SIZE,
  status,
  unshared,
  URL_OF_FILE,
  type Answer,
} from "./download_bench.ts";
import { Gate, settle } from "./helpers.ts";

const OTHER = noise(SIZE, 2);
const CUT = 48_000;
const cut = (manners: object = {}): Answer => serve({ cut: CUT, ...manners });
const whole = { size_bytes: SIZE, hash: hashOf("md5") };
const REST = `bytes=${CUT}-`;

interface Case {
  readonly name: string;
  readonly answers: readonly Answer[];
  readonly promise?: Partial<FileOrder>;
  readonly ranges?: readonly (string | null)[];
  readonly verified?: string;
  readonly bytes?: Uint8Array;
  readonly error?: object;
}

const interrupted = (reason: string, data: object = {}): object => ({
  code: "download_interrupted",
  data: { url: URL_OF_FILE, reason, ...data },
});
const integrity = (kind: string, expected: unknown, got: unknown): object => ({
  code: "integrity",
  data: { url: URL_OF_FILE, kind, expected, got },
});

const CASES: readonly Case[] = [
  // What is known of the file, and how it is checked.
  { name: "a good server", answers: [serve()], promise: whole, ranges: [null], verified: "hash" },
  { name: "a sha256", answers: [serve()], promise: { hash: hashOf("sha256") }, verified: "hash" },
  { name: "a size alone", answers: [serve()], promise: { size_bytes: SIZE }, verified: "size" },
  { name: "nothing promised, a length declared", answers: [serve()], verified: "size" },
  { name: "nothing promised, nothing declared", answers: [serve({ length: null })], verified: "none" },
  { name: "an empty file", answers: [serve({ bytes: new Uint8Array() })], promise: { size_bytes: 0 }, bytes: new Uint8Array(), verified: "size" },
  // Connections that break.
  { name: "a cut connection goes on", answers: [cut(), serve()], promise: whole, ranges: [null, REST], verified: "hash" },
  { name: "a cut goes on with a date", answers: [cut({ etag: null, date: "d1" }), serve({ etag: null, date: "d1" })], ranges: [null, REST] },
  { name: "a cut goes on without a length", answers: [cut({ length: null }), serve()], ranges: [null, REST], promise: whole },
  { name: "more cuts than retries, each further on", answers: [1, 2, 3, 4, 5, 6].map((n) => serve({ cut: n * 16_000 })).concat(serve()), promise: whole },
  { name: "always cut at one byte", answers: [cut()], promise: whole, error: interrupted("network"), ranges: [null, REST, REST, REST] },
  { name: "a cut without ranges starts again", answers: [cut({ ranges: false }), serve({ ranges: false })], promise: whole, ranges: [null, REST] },
  { name: "no ranges, always cut: no endless restarts", answers: [cut({ ranges: false })], promise: whole, error: interrupted("network") },
  { name: "a body that ends early", answers: [serve({ end: CUT }), serve()], ranges: [null, REST] },
  { name: "a body that always ends early", answers: [serve({ end: CUT })], error: interrupted("too_short"), ranges: [null, REST, REST, REST] },
  { name: "a cut behind the last promised byte", answers: [serve({ length: SIZE + 9, cut: SIZE })], promise: whole, ranges: [null], verified: "hash" },
  { name: "a cut behind the last byte, nothing promised", answers: [serve({ length: SIZE + 9, cut: SIZE }), serve()], ranges: [null, `bytes=${SIZE}-`] },
  { name: "no answer at first", answers: [nobody, nobody, serve()], promise: whole, ranges: [null, null, null] },
  // Files that change.
  { name: "another ETag under way", answers: [cut({ etag: '"v0"', bytes: OTHER }), serve()], promise: whole, ranges: [null, REST, null] },
  { name: "another date under way", answers: [cut({ etag: null, date: "d0", bytes: OTHER }), serve({ etag: null, date: "d1" })], ranges: [null, REST, null] },
  { name: "another size under way", answers: [cut({ bytes: noise(SIZE + 5, 2) }), serve()], ranges: [null, REST, null] },
  { name: "a weak ETag is no ground to go on", answers: [cut({ etag: 'W/"v1"', bytes: OTHER }), serve({ etag: 'W/"v1"' })], ranges: [null, null] },
  { name: "a weak ETag and a hash are", answers: [cut({ etag: 'W/"v1"' }), serve({ etag: 'W/"v1"' })], promise: whole, ranges: [null, REST] },
  { name: "no validator is no ground to go on", answers: [cut({ etag: null, bytes: OTHER }), serve({ etag: null })], ranges: [null, null] },
  { name: "mirrors with other dates for one ETag", answers: [cut({ date: "d0" }), serve({ date: "d1" })], ranges: [null, REST] },
  // Ranges that are wrong.
  { name: "another range than asked for", answers: [cut(), serve({ shift: 5 }), serve()], promise: whole, ranges: [null, REST, null] },
  { name: "wrong ranges are not asked for again", answers: [cut(), serve({ shift: 5 }), serve({ cut: 64_000 }), serve()], promise: whole, ranges: [null, REST, null, null] },
  { name: "416 at a range", answers: [cut(), status(416), serve()], promise: whole, ranges: [null, REST, null] },
  { name: "416 at everything", answers: [status(416)], promise: whole, error: interrupted("server", { status: 416 }) },
  { name: "a range that is compressed", answers: [cut(), serve({ encoding: "gzip" }), serve()], promise: whole, ranges: [null, REST, null] },
  { name: "206 to a request for everything", answers: [status(206)], promise: whole, error: interrupted("server", { status: 206 }) },
  { name: "hidden headers, a length that fits", answers: [cut({ hidden: true, date: "d" }), serve({ hidden: true, date: "d" })], ranges: [null, REST] },
  { name: "hidden headers, a length that does not", answers: [cut({ hidden: true, date: "d" }), serve({ hidden: true, date: "d", shift: 3 }), serve()], ranges: [null, REST, null] },
  // Lengths and compression.
  { name: "a compressed answer has its own length", answers: [serve({ encoding: "gzip", length: 999 })], verified: "none" },
  { name: "a compressed answer is not gone on with", answers: [cut({ encoding: "gzip", length: 999 }), serve({ encoding: "gzip" })], promise: whole, ranges: [null, null] },
  { name: "a compressed answer that does not say so", answers: [serve({ length: 999, hidden: true })], verified: "none" },
  { name: "a compressed answer that does not say so, cut", answers: [cut({ length: 999, hidden: true, date: "d" }), serve()], ranges: [null, null] },
  // Wrong bytes.
  { name: "wrong bytes once", answers: [serve({ bytes: OTHER }), serve()], promise: whole, ranges: [null, null], verified: "hash" },
  { name: "wrong bytes twice", answers: [serve({ bytes: OTHER })], promise: whole, ranges: [null, null], error: integrity("hash", whole.hash?.value, hashOf("md5", OTHER)?.value) },
  { name: "wrong bytes before a cut", answers: [cut({ bytes: OTHER }), serve(), serve()], promise: whole, ranges: [null, REST, null] },
  { name: "too short once", answers: [serve({ bytes: BYTES.subarray(0, CUT) }), serve()], promise: { size_bytes: SIZE }, ranges: [null, null] },
  { name: "too short always", answers: [serve({ bytes: BYTES.subarray(0, CUT) })], promise: whole, ranges: [null, null], error: integrity("size", SIZE, CUT) },
  { name: "too long always", answers: [serve()], promise: { size_bytes: 32_000 }, ranges: [null, null], error: integrity("size", 32_000, 48_000) },
  // Statuses.
  ...[408, 425, 429, 500, 502, 503, 504].map((code) => ({ name: `${code} once`, answers: [status(code), serve()], promise: whole, ranges: [null, null] })),
  ...[404, 410].map((code) => ({ name: `${code}`, answers: [status(code)], ranges: [null], error: interrupted("missing", { status: code }) })),
  ...[401, 403].map((code) => ({ name: `${code}`, answers: [status(code)], ranges: [null], error: interrupted("refused", { status: code }) })),
  { name: "400", answers: [status(400)], ranges: [null], error: interrupted("server", { status: 400 }) },
  { name: "500 always", answers: [status(500)], ranges: [null, null, null, null], error: interrupted("server", { status: 500 }) },
  { name: "429 always", answers: [status(429)], error: { code: "rate_limited", data: { url: URL_OF_FILE, status: 429, retry_after_s: null } } },
  { name: "429 for an hour", answers: [status(429, { "Retry-After": "3600" })], ranges: [null], error: { code: "rate_limited", data: { retry_after_s: 3600 } } },
  { name: "503 for an hour", answers: [status(503, { "Retry-After": "3600" })], ranges: [null], error: { code: "rate_limited", data: { status: 503 } } },
  // Silence.
  { name: "no first byte once", answers: [() => new Promise<Response>(() => undefined), serve()], promise: whole, ranges: [null, null] },
  { name: "a stall once", answers: [serve({ stall: CUT }), serve()], promise: whole, ranges: [null, REST] },
  { name: "a stall always", answers: [serve({ stall: CUT })], promise: whole, error: { code: "stalled", data: { url: URL_OF_FILE, stall_ms: 5000 } } },
  // Other origins.
  { name: "a server that does not share", answers: [unshared], promise: whole, error: interrupted("not_shared"), ranges: [null, null] },
  { name: "what looks like not sharing, once", answers: [unshared, serve()], promise: whole },
  { name: "a server that shared before", answers: [cut(), unshared], promise: whole, error: interrupted("network"), ranges: [null, REST, REST, REST] },
  { name: "a server that is gone", answers: [nobody], promise: whole, error: interrupted("network"), ranges: [null, null, null, null] },
];

describe("a download", () => {
  it.each(CASES)("meets $name", async ({ answers, promise = {}, ranges, verified, bytes = BYTES, error }) => {
    const bench = new DownloadBench().serve(...answers);
    const download = bench.download([order(promise)]);
    if (error === undefined) {
      const result = await download;
      expect(result.files[0]).toMatchObject({ url: URL_OF_FILE, cache: "webllm/model", size_bytes: bytes.length });
      if (verified !== undefined) expect(result.files[0]?.verified).toBe(verified);
      expect(await bench.holds(bytes)).toBe(true);
      expect([...bench.disk.files]).toEqual([]);
    } else {
      await expect(download).rejects.toMatchObject(error);
      expect(bench.caches.urls("webllm/model")).toEqual([]);
      if ("code" in error && error.code === "integrity") expect([...bench.disk.files]).toEqual([]);
    }
    if (ranges !== undefined) expect(bench.asked.filter(({ init }) => init.mode !== "no-cors").map(({ range }) => range)).toEqual(ranges);
    expect([...bench.disk.files.values()].filter(({ open }) => open)).toEqual([]);
  });

  it("does not go through the HTTP cache, and stores what engines read", async () => {
    const bench = new DownloadBench().serve(serve());
    await bench.download([order()]);
    expect(bench.asked[0]?.init.cache).toBe("no-store");
    const stored = await bench.caches.caches.get("webllm/model")?.match(URL_OF_FILE);
    expect(Object.fromEntries(stored?.headers ?? [])).toEqual({ "content-length": String(SIZE), "content-type": "application/octet-stream" });
  });

  it("is the same from a stream that fills our memory, also one that breaks", async () => {
    const bench = new DownloadBench().serve(cut({ fills: true }), serve({ fills: true }));
    const result = await bench.download([order(whole)]);
    expect(result.files[0]).toMatchObject({ verified: "hash", fetched_bytes: SIZE });
    expect(bench.ranges).toEqual([null, REST]);
    expect(await bench.holds(BYTES)).toBe(true);
  });

  it("asks its own origin with If-Range, and another with the range alone, which needs no permission", async () => {
    const own = "https://site.example/models/shard.bin";
    for (const [url, expected] of [[own, '"v1"'], [URL_OF_FILE, null]] as const) {
      const bench = new DownloadBench().at(url, cut(), serve());
      await bench.download([order({ url })]);
      expect(bench.asked.map(({ range, ifRange }) => [range, ifRange])).toEqual([[null, null], [REST, expected]]);
    }
    const bench = new DownloadBench().at(own, cut({ etag: 'W/"v1"', date: "d1" }), serve({ date: "d1" }));
    await bench.download([order({ url: own })]);
    expect(bench.asked[1]?.ifRange).toBe("d1");
  });

  it("says that the device is offline", async () => {
    const bench = new DownloadBench().serve(nobody);
    bench.online = false;
    await expect(bench.download([order()])).rejects.toMatchObject(interrupted("offline"));
  });

  it("does not fetch what is stored, unless it cannot be right", async () => {
    const bench = new DownloadBench().serve(serve());
    const store = (body: Uint8Array<ArrayBuffer>): void => {
      bench.caches.store("webllm/model", URL_OF_FILE, "");
      bench.caches.caches.get("webllm/model")?.entries.set(URL_OF_FILE, {
        body: new Blob([body]),
        headers: { "Content-Length": String(body.length) },
        type: "default",
      });
    };
    store(BYTES);
    const same = await bench.download([order(whole)], { verify_stored: true });
    expect(same).toMatchObject({ files: [{ verified: "stored", fetched_bytes: 0, size_bytes: SIZE }], fetched_bytes: 0 });
    expect(bench.asked).toEqual([]);
    store(OTHER);
    expect((await bench.download([order(whole)])).files[0]?.verified).toBe("stored"); // the size is right, the hash was not asked for
    expect((await bench.download([order(whole)], { verify_stored: true })).files[0]?.verified).toBe("hash");
    store(BYTES.slice(0, 5));
    expect((await bench.download([order(whole)])).files[0]?.verified).toBe("hash");
    expect(await bench.holds(BYTES)).toBe(true);
  });
});

describe("tries", () => {
  it("wait longer and longer, by chance, up to a bound", async () => {
    for (const [random, times] of [[1, [0, 100, 300, 700, 1500, 2500]], [0.5, [0, 50, 150, 350, 750, 1250]], [0, [0, 0, 0, 0, 0, 0]]] as const) {
      const bench = new DownloadBench().serve(status(500));
      bench.random = random;
      await expect(bench.download([order()], { retries: 5 })).rejects.toMatchObject({ code: "download_interrupted" });
      expect(bench.asked.map(({ at }) => at)).toEqual(times);
    }
  });

  it("wait as long as the server asks, in seconds or until a date", async () => {
    const date = new Date(Date.UTC(2026, 0, 1, 0, 0, 42)).toUTCString();
    for (const [header, wait] of [["7", 7000], [date, 42_000], ["120", 120_000], ["soon", 100], ["0", 100]] as const) {
      const bench = new DownloadBench().serve(status(429, { "Retry-After": header }), serve());
      await bench.download([order()]);
      expect(bench.asked.map(({ at }) => at)).toEqual([0, wait]);
    }
  });

  it("wait until a date on the server's clock, though this device's is a day off", async () => {
    for (const day of [-1, 1]) {
      const at = (second: number): string => new Date(Date.UTC(2026, 0, 1 + day, 0, 0, second)).toUTCString();
      const bench = new DownloadBench().serve(status(429, { "Retry-After": at(42), Date: at(12) }), serve());
      await bench.download([order()]);
      expect(bench.asked.map((asked) => asked.at)).toEqual([0, 30_000]);
    }
  });

  it("are over when nothing is missing, however the connection ended", async () => {
    const bench = new DownloadBench().serve(serve({ length: SIZE + 9, cut: SIZE }));
    expect((await bench.download([order(whole)], { retries: 0 })).files[0]?.verified).toBe("hash");
  });

  it("give up a silent server after the time they were given", async () => {
    const bench = new DownloadBench().serve(serve({ stall: CUT }));
    await expect(bench.download([order()], { retries: 0, stall_ms: 1234 })).rejects.toMatchObject({ code: "stalled" });
    expect(bench.clock.time).toBe(1234);
    expect(bench.asked[0]?.init.signal?.aborted).toBe(true);
  });
});

describe("a download that is stopped", () => {
  it("keeps its bytes, flushed, and goes on from there", async () => {
    const bench = new DownloadBench().serve(serve({ stall: CUT }), serve());
    const stop = new AbortController();
    const download = bench.start([order(whole)], {}, stop.signal);
    await bench.received(CUT);
    stop.abort(new PageError("cancelled", "request 1 was cancelled"));
    await expect(download).rejects.toMatchObject({ code: "cancelled" });
    const partials = new Partials(bench.environment);
    expect(await partials.list()).toMatchObject([{ url: URL_OF_FILE, cache: "webllm/model", loaded_bytes: CUT, total_bytes: SIZE }]);
    const result = await bench.download([order(whole)]);
    expect(result.files[0]).toMatchObject({ fetched_bytes: SIZE - CUT, resumed_from: CUT, verified: "hash" });
    expect(bench.ranges).toEqual([null, REST]);
    expect(await partials.list()).toEqual([]);
  });

  it("ends at once while it waits for its next try", async () => {
    const bench = new DownloadBench().serve(status(503, { "Retry-After": "60" }));
    const stop = new AbortController();
    const download = bench.start([order()], {}, stop.signal);
    while (bench.clock.next === null || bench.asked.length === 0) await settle();
    stop.abort(new PageError("cancelled", "request 1 was cancelled"));
    await expect(download).rejects.toMatchObject({ code: "cancelled" });
    expect(bench.clock.next).toBeNull();
  });

  it("by one bad file has the others' bytes kept, and names the file", async () => {
    const gone = new Gate<Response>();
    const bench = new DownloadBench().serve(serve({ stall: CUT })).at("https://models.example/gone", () => gone.promise);
    const download = bench.start([order(whole), order({ url: "https://models.example/gone" })]);
    await bench.received(CUT);
    gone.open(new Response(null, { status: 404 }));
    await expect(download).rejects.toMatchObject({ code: "download_interrupted", data: { url: "https://models.example/gone", reason: "missing" } });
    expect(await new Partials(bench.environment).list()).toMatchObject([{ url: URL_OF_FILE, loaded_bytes: CUT }]);
  });
});

describe("a crash", () => {
  const MEGABYTE = 1024 * 1024;
  const large = noise(12 * MEGABYTE, 3);

  async function crashed(stall: number): Promise<DownloadBench> {
    const bench = new DownloadBench().serve(serve({ bytes: large, stall }), serve({ bytes: large }));
    void bench.start([order({ hash: hashOf("md5", large) })]).catch(() => undefined);
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

  it("costs what was not flushed, and no more", async () => {
    const bench = reborn(await crashed(9 * MEGABYTE));
    const [partial] = await new Partials(bench.environment).list();
    const lost = 9 * MEGABYTE - (partial?.loaded_bytes ?? 0);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(UNFLUSHED_BYTES);
    expect(bench.disk.named(".data").flushes).toBe(2); // once for every line of the journal
    const result = await bench.download([order({ hash: hashOf("md5", large) })]);
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
    const result = await bench.download([order({ hash: hashOf("md5", large) })]);
    expect(result.files[0]?.verified).toBe("hash");
    expect(bench.ranges).toEqual([anew ? null : expect.stringMatching(/^bytes=4\d+-$/)]);
  }, 20_000);

  it("after a crash reads the journal that the first one tore", async () => {
    const bench = reborn(await crashed(5 * MEGABYTE));
    const journal = bench.disk.named(".journal");
    journal.bytes = Buffer.concat([journal.bytes.subarray(0, journal.size), Buffer.from("[999999")]);
    journal.size = journal.bytes.length;
    bench.serve(serve({ bytes: large, stall: 10 * MEGABYTE }));
    void bench.start([order({ hash: hashOf("md5", large) })]).catch(() => undefined);
    await bench.received(10 * MEGABYTE);
    const [partial] = await new Partials(bench.environment).list();
    expect(partial?.loaded_bytes).toBeGreaterThan(5 * MEGABYTE);
  });

  it("while a changed file begins again leaves nothing of the old one", async () => {
    const bench = reborn(await crashed(9 * MEGABYTE));
    bench.serve(serve({ bytes: large, etag: '"v2"', stall: MEGABYTE }));
    void bench.start([order()]).catch(() => undefined);
    await bench.requests(2);
    await bench.received(MEGABYTE);
    expect(bench.disk.named(".data").size).toBe(MEGABYTE);
    expect(await new Partials(bench.environment).list()).toMatchObject([{ loaded_bytes: 0 }]);
  });

  it("that loses bytes the journal speaks of goes on from those that are there", async () => {
    const bench = reborn(await crashed(5 * MEGABYTE));
    bench.disk.named(".data").size = MEGABYTE;
    const result = await bench.download([order({ hash: hashOf("md5", large) })]);
    expect(result.files[0]).toMatchObject({ resumed_from: MEGABYTE, verified: "hash" });
  }, 20_000);

  it("between the last byte and the cache costs no request", async () => {
    const bench = new DownloadBench().serve(serve());
    bench.caches.onPut = () => { throw new Error("killed"); };
    await expect(bench.download([order(whole)])).rejects.toThrow("killed");
    bench.caches.onPut = () => undefined;
    const result = await bench.download([order(whole)]);
    expect(result.files[0]).toMatchObject({ fetched_bytes: 0, resumed_from: SIZE, verified: "hash" });
    expect(bench.ranges).toEqual([null]);
  });
});

it("A partial of a file that is stored is removed", async () => {
  const bench = new DownloadBench().serve(serve());
  bench.disk.remove = () => Promise.reject(new Error("killed"));
  await expect(bench.download([order(whole)])).rejects.toThrow("killed");
  Reflect.deleteProperty(bench.disk, "remove");
  expect((await bench.download([order(whole)])).files[0]?.verified).toBe("stored");
  expect([...bench.disk.files]).toEqual([]);
});

describe("a partial", () => {
  async function paused(promise: Partial<FileOrder> = {}, answer: Answer = cut()): Promise<DownloadBench> {
    const bench = new DownloadBench().serve(answer, status(404));
    await expect(bench.download([order(promise)])).rejects.toMatchObject({ code: "download_interrupted" });
    return bench;
  }

  it("is of no use when another size is promised now", async () => {
    const bench = await paused();
    bench.serve(serve());
    await expect(bench.download([order({ size_bytes: SIZE + 1 })])).rejects.toMatchObject({ code: "integrity" });
    expect(bench.ranges.slice(2)).toEqual([null, null]);
  });

  it("belongs to one cache", async () => {
    const bench = await paused();
    bench.serve(serve());
    const result = await bench.download([order({ cache: "webllm/wasm" })]);
    expect(result.files[0]?.resumed_from).toBe(0);
  });

  it("is removed by its address, unless it is being downloaded", async () => {
    const bench = await paused();
    const partials = new Partials(bench.environment);
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
    await expect(bench.download([order(whole)])).rejects.toMatchObject({
      code: "quota_exceeded",
      data: { url: URL_OF_FILE, needed_bytes: SIZE - CUT, available_bytes: 1000 },
    });
    expect(await new Partials(bench.environment).list()).toMatchObject([{ loaded_bytes: CUT }]);
    bench.disk.capacity = Infinity;
    expect((await bench.download([order(whole)])).files[0]).toMatchObject({ resumed_from: CUT, verified: "hash" });
  });

  it("may be that of the cache: the whole partial stays", async () => {
    const bench = new DownloadBench().serve(serve());
    bench.caches.onPut = () => { throw new DOMException("full", "QuotaExceededError"); };
    bench.left = null;
    await expect(bench.download([order(whole)])).rejects.toMatchObject({
      code: "quota_exceeded",
      data: { needed_bytes: SIZE, available_bytes: null },
    });
    expect(await new Partials(bench.environment).list()).toMatchObject([{ loaded_bytes: SIZE }]);
  });
});

describe("a disk that is fuller than the browser says", () => {
  it.each([
    ["a file of its own", (bench: DownloadBench) => { bench.disk.capacity = 60_000; }],
    ["a cache", (bench: DownloadBench) => { bench.caches.onPut = () => { throw new DOMException("Unexpected internal error.", "UnknownError"); }; }],
  ])("is named, without a number that is not true (%s)", async (_, fill) => {
    const bench = new DownloadBench().serve(serve());
    bench.left = 10 * 1024 ** 3;
    fill(bench);
    const failure = bench.download([order(whole)]);
    await expect(failure).rejects.toMatchObject({ code: "quota_exceeded", data: { available_bytes: null } });
    await expect(failure).rejects.toThrow(/^the disk is full: this file needs [\d.]+ \w+ more; delete a model or free disk space/);
  });
});

describe("two who want one file", () => {
  it("fetch it once: the second waits and finds it", async () => {
    const gate = new Gate<Response>();
    const bench = new DownloadBench().serve(() => gate.promise);
    const one = bench.start([order(whole)]);
    const two = bench.start([order(whole), order(whole)]);
    await bench.requests(1);
    expect(bench.asked).toHaveLength(1);
    gate.open(await serve()({ url: "", method: "", at: 0, range: null, ifRange: null, init: {} }));
    expect((await bench.finish(one)).files.map(({ verified }) => verified)).toEqual(["hash"]);
    expect((await bench.finish(two)).files.map(({ verified }) => verified)).toEqual(["stored", "stored"]);
    expect(bench.asked).toHaveLength(1);
  });

  it("take over from one another when the first is stopped", async () => {
    const bench = new DownloadBench().serve(serve({ stall: CUT }), serve());
    const stop = new AbortController();
    const one = bench.start([order(whole)], {}, stop.signal);
    const two = bench.start([order(whole)]);
    await bench.received(CUT);
    stop.abort(new PageError("cancelled", "it was cancelled"));
    await expect(one).rejects.toMatchObject({ code: "cancelled" });
    expect((await bench.finish(two)).files[0]).toMatchObject({ resumed_from: CUT, verified: "hash" });
  });
});

describe("many files", () => {
  it("are fetched so many at a time", async () => {
    const bench = new DownloadBench();
    const gates = Array.from({ length: 7 }, (_, index) => {
      const gate = new Gate<Response>();
      bench.at(`https://models.example/${index}`, () => gate.promise);
      return gate;
    });
    const download = bench.start(gates.map((_, index) => order({ url: `https://models.example/${index}` })), { parallel: 3 });
    await bench.requests(3);
    expect(bench.asked).toHaveLength(3);
    for (const gate of gates) gate.open(new Response("abc", { headers: { "Content-Length": "3" } }));
    const result = await bench.finish(download);
    expect(result.fetched_bytes).toBe(21);
    expect(result.files.map(({ url }) => url)).toEqual(gates.map((_, index) => `https://models.example/${index}`));
  });

  it("go into their caches while the next one is fetched, and only one of them waits", async () => {
    const bench = new DownloadBench();
    const urls = [0, 1, 2].map((index) => `https://models.example/${index}`);
    for (const url of urls) bench.at(url, serve());
    const gate = new Gate();
    bench.caches.onPut = () => gate.promise;
    const download = bench.start(urls.map((url) => order({ url })), { parallel: 1 });
    await bench.requests(2);
    await settle();
    // Two are opened side by side, and either may be the first on the line.
    expect(bench.asked.map(({ url }) => url).toSorted()).toEqual(urls.slice(0, 2));
    gate.open();
    expect((await bench.finish(download)).files).toHaveLength(3);
  });

  it("are opened before the line is free for them, and let go when the download is stopped meanwhile", async () => {
    const bench = new DownloadBench();
    const urls = [0, 1, 2].map((index) => `https://models.example/${index}`);
    for (const url of urls) bench.at(url, serve({ stall: 50_000 }));
    const stop = new AbortController();
    const download = bench.start(urls.map((url) => order({ url })), { parallel: 1 }, stop.signal);
    await bench.received(50_000);
    const open = (): number => [...bench.disk.files].filter(([name, file]) => name.endsWith(".data") && file.open).length;
    while (open() < 2) await settle();
    await settle();
    expect([open(), bench.asked.length]).toEqual([2, 1]);
    stop.abort(cancelled("the download"));
    await expect(download).rejects.toMatchObject({ code: "cancelled" });
    expect([open(), bench.asked.length]).toEqual([0, 1]);
    for (const url of urls) bench.at(url, serve());
    const again = await bench.download(urls.map((url) => order({ url })), { parallel: 1 });
    expect(again.files.map(({ resumed_from }) => resumed_from).toSorted((a, b) => b - a)).toEqual([50_000, 0, 0]);
  });

  it("take their turns at the line, also after one that failed", async () => {
    const turns = new Turns(1);
    const { signal } = new AbortController();
    const gate = new Gate();
    const began: string[] = [];
    const note = (name: string) => (): Promise<void> => {
      began.push(name);
      return Promise.resolve();
    };
    const first = turns.take(signal, async () => {
      began.push("first");
      await gate.promise;
      throw new Error("broken");
    });
    const stop = new AbortController();
    const stopped = turns.take(stop.signal, note("stopped"));
    const last = turns.take(signal, note("last"));
    stop.abort(cancelled("the download"));
    await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
    await expect(turns.take(stop.signal, note("late"))).rejects.toMatchObject({ code: "cancelled" });
    gate.open();
    await expect(first).rejects.toThrow("broken");
    await last;
    expect(began).toEqual(["first", "last"]);
    await expect(turns.take(signal, () => Promise.resolve("free"))).resolves.toBe("free");
  });
});

describe("progress", () => {
  it("is told at most every 250 ms, in total and for the files that changed, and to the end", async () => {
    const bench = new DownloadBench().serve(status(500), cut(), serve()).at("https://models.example/b", serve());
    await bench.download([order(whole), order({ url: "https://models.example/b" })], { backoff_ms: 400 });
    const times = bench.said.map(({ at }) => at);
    for (const [index, at] of times.slice(1, -1).entries()) expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(250);
    const retrying = bench.said.flatMap(({ files }) => files ?? []).find(({ state }) => state === "retrying");
    expect(retrying).toMatchObject({ url: URL_OF_FILE, attempt: 2, retry_in_ms: 400 });
    const last = bench.said.at(-1);
    expect(last).toMatchObject({ phase: "downloading", fraction: 1, loaded_bytes: 2 * SIZE, total_bytes: 2 * SIZE, text: "2 of 2 files" });
    const ends = bench.said.flatMap(({ files }) => files ?? []).filter(({ state }) => state === "done");
    expect(ends).toContainEqual({ url: URL_OF_FILE, state: "done", loaded_bytes: SIZE, total_bytes: SIZE, attempt: 3, retry_in_ms: null });
  });

  it("has no total before every file's size is known", async () => {
    const gate = new Gate<Response>();
    const bench = new DownloadBench().serve(serve()).at("https://models.example/b", () => gate.promise);
    const download = bench.start([order(), order({ url: "https://models.example/b" })]);
    while (bench.said.length === 0) await settle();
    expect(bench.said[0]).toMatchObject({ fraction: null, total_bytes: null });
    gate.open(new Response("abc", { headers: { "Content-Length": "3" } }));
    await bench.finish(download);
    expect(bench.said.at(-1)).toMatchObject({ total_bytes: SIZE + 3, fraction: 1 });
  });
});

it("A length that has been passed is no total", async () => {
  const bench = new DownloadBench().serve(serve({ length: 999, hidden: true, stall: CUT }));
  void bench.start([order()]).catch(() => undefined);
  await bench.received(CUT);
  bench.clock.advance(250);
  expect(bench.said.at(-1)).toMatchObject({ loaded_bytes: CUT, total_bytes: null, fraction: null });
});

describe("a manifest", () => {
  const ask = { url: URL_OF_FILE, cache: "webllm/model", refresh: false } as const;
  const never = new AbortController().signal;
  const text = (body: string): Answer => serve({ bytes: new TextEncoder().encode(body) });

  it("is read once from the network, then from the cache, until it has to be new", async () => {
    const bench = new DownloadBench().serve(status(500), text("{}"), text("[1]"));
    expect(await bench.finish(bench.downloader.read(ask, never))).toEqual({ text: "{}", size_bytes: 2, from: "network" });
    expect(await bench.downloader.read(ask, never)).toEqual({ text: "{}", size_bytes: 2, from: "cache" });
    expect(await bench.downloader.read({ ...ask, refresh: true }, never)).toEqual({ text: "[1]", size_bytes: 3, from: "network" });
    expect(await bench.caches.text("webllm/model", URL_OF_FILE)).toBe("[1]");
  });

  it("that cannot be had leaves the old one, and says why", async () => {
    const bench = new DownloadBench().serve(text("{}"), status(404));
    await bench.downloader.read(ask, never);
    await expect(bench.downloader.read({ ...ask, refresh: true }, never)).rejects.toMatchObject(interrupted("missing"));
    expect(await bench.caches.text("webllm/model", URL_OF_FILE)).toBe("{}");
  });

  it("that breaks off is asked for again, and one without end is no manifest", async () => {
    const bench = new DownloadBench().serve(cut(), text("{}"));
    expect(await bench.finish(bench.downloader.read(ask, never))).toMatchObject({ text: "{}" });
    bench.serve(serve({ bytes: noise(9 * 1024 * 1024, 1) }));
    await expect(bench.downloader.read({ ...ask, refresh: true }, never)).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("looking at files", () => {
  const never = new AbortController().signal;

  it("asks for each file's own size, once each", async () => {
    const bench = new DownloadBench()
      .at("https://models.example/a", serve())
      .at("https://models.example/b", serve({ ranges: false }))
      .at("https://models.example/c", serve({ encoding: "gzip", ranges: false }))
      .at("https://models.example/d", status(404))
      .at("https://models.example/e", nobody)
      .at("https://models.example/f", serve({ bytes: new Uint8Array() }));
    const urls = ["a", "b", "c", "d", "e", "f"].map((name) => `https://models.example/${name}`);
    const { files } = await bench.downloader.inspect(urls, never);
    expect(files.map(({ url, status: code, size_bytes, ranges }) => [url.at(-1), code, size_bytes, ranges])).toEqual([
      ["a", 200, SIZE, true],
      ["b", 200, SIZE, false],
      ["c", 200, null, false],
      ["d", 404, null, false],
      ["e", null, null, false],
      ["f", 200, 0, false],
    ]);
    expect(bench.asked.every(({ method, init }) => method === "HEAD" && init.cache === "no-store")).toBe(true);
  });

  it("ends when it is stopped", async () => {
    const bench = new DownloadBench().serve(() => new Promise<Response>(() => undefined));
    const stop = new AbortController();
    const looking = bench.downloader.inspect([URL_OF_FILE], stop.signal);
    await bench.requests(1);
    stop.abort(new PageError("cancelled", "it was cancelled"));
    await expect(looking).rejects.toMatchObject({ code: "cancelled" });
  });
});
