import { describe, expect, it } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import type { RequestedFile } from "../../web/src/engine/files/requests.ts";
import { Partials } from "../../web/src/engine/files/partial.ts";
import {
  BYTES,
  DownloadBench,
  hashOf,
  noServer,
  noise,
  modelFile,
  serve,
  SIZE,
  status,
  unshared,
  URL_OF_FILE,
  type Answer,
  CUT,
  REST,
  cut,
  whole,
  interrupted,
} from "./download_bench.ts";
import { Gate, settle } from "./helpers.ts";

const OTHER = noise(SIZE, 2);

interface Case {
  readonly name: string;
  readonly answers: readonly Answer[];
  readonly promise?: Partial<RequestedFile>;
  readonly ranges?: readonly (string | null)[];
  readonly verified?: string;
  readonly bytes?: Uint8Array;
  readonly error?: object;
}

const integrity = (kind: string, expected: unknown, got: unknown): object => ({
  code: "integrity",
  data: { url: URL_OF_FILE, kind, expected, got },
});

const CASES: readonly Case[] = [
  // The known facts about a file, and how it is checked.
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
  { name: "no answer at first", answers: [noServer, noServer, serve()], promise: whole, ranges: [null, null, null] },
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
  { name: "a server without CORS", answers: [unshared], promise: whole, error: interrupted("not_shared"), ranges: [null, null] },
  { name: "a response that looks like missing CORS, once", answers: [unshared, serve()], promise: whole },
  { name: "a server that allowed CORS before", answers: [cut(), unshared], promise: whole, error: interrupted("network"), ranges: [null, REST, REST, REST] },
  { name: "a server that is gone", answers: [noServer], promise: whole, error: interrupted("network"), ranges: [null, null, null, null] },
];

describe("a download", () => {
  it.each(CASES)("meets $name", async ({ answers, promise = {}, ranges, verified, bytes = BYTES, error }) => {
    const bench = new DownloadBench().serve(...answers);
    const download = bench.download([modelFile(promise)]);
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
    await bench.download([modelFile()]);
    expect(bench.asked[0]?.init.cache).toBe("no-store");
    const stored = await bench.caches.caches.get("webllm/model")?.match(URL_OF_FILE);
    expect(Object.fromEntries(stored?.headers ?? [])).toEqual({ "content-length": String(SIZE), "content-type": "application/octet-stream" });
  });

  it("works the same with a byte stream, even one that breaks", async () => {
    const bench = new DownloadBench().serve(cut({ fills: true }), serve({ fills: true }));
    const result = await bench.download([modelFile(whole)]);
    expect(result.files[0]).toMatchObject({ verified: "hash", fetched_bytes: SIZE });
    expect(bench.ranges).toEqual([null, REST]);
    expect(await bench.holds(BYTES)).toBe(true);
  });

  it("sends If-Range to its own origin, and only the range to another, which needs no preflight", async () => {
    const own = "https://site.example/models/shard.bin";
    for (const [url, expected] of [[own, '"v1"'], [URL_OF_FILE, null]] as const) {
      const bench = new DownloadBench().at(url, cut(), serve());
      await bench.download([modelFile({ url })]);
      expect(bench.asked.map(({ range, ifRange }) => [range, ifRange])).toEqual([[null, null], [REST, expected]]);
    }
    const bench = new DownloadBench().at(own, cut({ etag: 'W/"v1"', date: "d1" }), serve({ date: "d1" }));
    await bench.download([modelFile({ url: own })]);
    expect(bench.asked[1]?.ifRange).toBe("d1");
  });

  it("reports that the device is offline", async () => {
    const bench = new DownloadBench().serve(noServer);
    bench.online = false;
    await expect(bench.download([modelFile()])).rejects.toMatchObject(interrupted("offline"));
  });

  it("does not fetch a stored file, unless its size or hash is wrong", async () => {
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
    const same = await bench.download([modelFile(whole)], { verify_stored: true });
    expect(same).toMatchObject({ files: [{ verified: "stored", fetched_bytes: 0, size_bytes: SIZE }], fetched_bytes: 0 });
    expect(bench.asked).toEqual([]);
    store(OTHER);
    expect((await bench.download([modelFile(whole)])).files[0]?.verified).toBe("stored"); // the size is right, and the hash is not checked
    expect((await bench.download([modelFile(whole)], { verify_stored: true })).files[0]?.verified).toBe("hash");
    store(BYTES.slice(0, 5));
    expect((await bench.download([modelFile(whole)])).files[0]?.verified).toBe("hash");
    expect(await bench.holds(BYTES)).toBe(true);
  });
});

describe("attempts", () => {
  it("wait longer and longer, at random, up to a maximum", async () => {
    for (const [random, times] of [[1, [0, 100, 300, 700, 1500, 2500]], [0.5, [0, 50, 150, 350, 750, 1250]], [0, [0, 0, 0, 0, 0, 0]]] as const) {
      const bench = new DownloadBench().serve(status(500));
      bench.random = random;
      await expect(bench.download([modelFile()], { retries: 5 })).rejects.toMatchObject({ code: "download_interrupted" });
      expect(bench.asked.map(({ at }) => at)).toEqual(times);
    }
  });

  it("wait as long as the server asks, in seconds or until a date", async () => {
    const date = new Date(Date.UTC(2026, 0, 1, 0, 0, 42)).toUTCString();
    for (const [header, wait] of [["7", 7000], [date, 42_000], ["120", 120_000], ["soon", 100], ["0", 100]] as const) {
      const bench = new DownloadBench().serve(status(429, { "Retry-After": header }), serve());
      await bench.download([modelFile()]);
      expect(bench.asked.map(({ at }) => at)).toEqual([0, wait]);
    }
  });

  it("wait until a date on the server's clock, though this device's is a day off", async () => {
    for (const day of [-1, 1]) {
      const at = (second: number): string => new Date(Date.UTC(2026, 0, 1 + day, 0, 0, second)).toUTCString();
      const bench = new DownloadBench().serve(status(429, { "Retry-After": at(42), Date: at(12) }), serve());
      await bench.download([modelFile()]);
      expect(bench.asked.map((asked) => asked.at)).toEqual([0, 30_000]);
    }
  });

  it("end when the file is complete, even if the connection broke", async () => {
    const bench = new DownloadBench().serve(serve({ length: SIZE + 9, cut: SIZE }));
    expect((await bench.download([modelFile(whole)], { retries: 0 })).files[0]?.verified).toBe("hash");
  });

  it("give up a silent server after the given time", async () => {
    const bench = new DownloadBench().serve(serve({ stall: CUT }));
    await expect(bench.download([modelFile()], { retries: 0, stall_ms: 1234 })).rejects.toMatchObject({ code: "stalled" });
    expect(bench.clock.time).toBe(1234);
    expect(bench.asked[0]?.init.signal?.aborted).toBe(true);
  });
});

describe("a download that is stopped", () => {
  it("keeps its bytes, flushed, and continues from there", async () => {
    const bench = new DownloadBench().serve(serve({ stall: CUT }), serve());
    const stop = new AbortController();
    const download = bench.start([modelFile(whole)], {}, stop.signal);
    await bench.received(CUT);
    stop.abort(new PageError("cancelled", "request 1 was cancelled"));
    await expect(download).rejects.toMatchObject({ code: "cancelled" });
    const partials = new Partials(bench.platform);
    expect(await partials.list()).toMatchObject([{ url: URL_OF_FILE, cache: "webllm/model", loaded_bytes: CUT, total_bytes: SIZE }]);
    const result = await bench.download([modelFile(whole)]);
    expect(result.files[0]).toMatchObject({ fetched_bytes: SIZE - CUT, resumed_from: CUT, verified: "hash" });
    expect(bench.ranges).toEqual([null, REST]);
    expect(await partials.list()).toEqual([]);
  });

  it("ends at once while it waits for its next attempt", async () => {
    const bench = new DownloadBench().serve(status(503, { "Retry-After": "60" }));
    const stop = new AbortController();
    const download = bench.start([modelFile()], {}, stop.signal);
    while (bench.clock.next === null || bench.asked.length === 0) await settle();
    stop.abort(new PageError("cancelled", "request 1 was cancelled"));
    await expect(download).rejects.toMatchObject({ code: "cancelled" });
    expect(bench.clock.next).toBeNull();
  });

  it("by one bad file keeps the bytes of the others, and names the bad file", async () => {
    const gone = new Gate<Response>();
    const bench = new DownloadBench().serve(serve({ stall: CUT })).at("https://models.example/gone", () => gone.promise);
    const download = bench.start([modelFile(whole), modelFile({ url: "https://models.example/gone" })]);
    await bench.received(CUT);
    gone.open(new Response(null, { status: 404 }));
    await expect(download).rejects.toMatchObject({ code: "download_interrupted", data: { url: "https://models.example/gone", reason: "missing" } });
    expect(await new Partials(bench.platform).list()).toMatchObject([{ url: URL_OF_FILE, loaded_bytes: CUT }]);
  });
});
