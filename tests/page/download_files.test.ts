import { describe, expect, it } from "vitest";
import { cancelled, PageError } from "../../web/src/engine/errors.ts";
import { Turns } from "../../web/src/engine/files/turns.ts";
import {
  DownloadBench,
  noServer,
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
  interrupted,
} from "./download_bench.ts";
import { Gate, settle } from "./helpers.ts";

describe("many files", () => {
  it("are fetched with a limit on how many at a time", async () => {
    const bench = new DownloadBench();
    const gates = Array.from({ length: 7 }, (_, index) => {
      const gate = new Gate<Response>();
      bench.at(`https://models.example/${index}`, () => gate.promise);
      return gate;
    });
    const download = bench.start(gates.map((_, index) => modelFile({ url: `https://models.example/${index}` })), { parallel: 3 });
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
    bench.caches.onPut = (url) => (url.includes("browserllm-room") ? undefined : gate.promise);
    const download = bench.start(urls.map((url) => modelFile({ url })), { parallel: 1 });
    await bench.requests(2);
    await settle();
    // Two are opened concurrently, and either may be fetched first.
    expect(bench.asked.map(({ url }) => url).toSorted()).toEqual(urls.slice(0, 2));
    gate.open();
    expect((await bench.finish(download)).files).toHaveLength(3);
  });

  it("are opened before they may be fetched, and closed if the download is stopped meanwhile", async () => {
    const bench = new DownloadBench();
    const urls = [0, 1, 2].map((index) => `https://models.example/${index}`);
    for (const url of urls) bench.at(url, serve({ stall: 50_000 }));
    const stop = new AbortController();
    const download = bench.start(urls.map((url) => modelFile({ url })), { parallel: 1 }, stop.signal);
    await bench.received(50_000);
    const open = (): number => [...bench.disk.files].filter(([name, file]) => name.endsWith(".data") && file.open).length;
    while (open() < 2) await settle();
    await settle();
    expect([open(), bench.asked.length]).toEqual([2, 1]);
    stop.abort(cancelled("the download"));
    await expect(download).rejects.toMatchObject({ code: "cancelled" });
    expect([open(), bench.asked.length]).toEqual([0, 1]);
    for (const url of urls) bench.at(url, serve());
    const again = await bench.download(urls.map((url) => modelFile({ url })), { parallel: 1 });
    expect(again.files.map(({ resumed_from }) => resumed_from).toSorted((a, b) => b - a)).toEqual([50_000, 0, 0]);
  });

  it("are fetched in turn, even after one that failed", async () => {
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
  it("is reported at most every 250 ms, in total and for the files that changed, and to the end", async () => {
    const bench = new DownloadBench().serve(status(500), cut(), serve()).at("https://models.example/b", serve());
    await bench.download([modelFile(whole), modelFile({ url: "https://models.example/b" })], { backoff_ms: 400 });
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
    const download = bench.start([modelFile(), modelFile({ url: "https://models.example/b" })]);
    while (bench.said.length === 0) await settle();
    expect(bench.said[0]).toMatchObject({ fraction: null, total_bytes: null });
    gate.open(new Response("abc", { headers: { "Content-Length": "3" } }));
    await bench.finish(download);
    expect(bench.said.at(-1)).toMatchObject({ total_bytes: SIZE + 3, fraction: 1 });
  });
});

it("A length that has been exceeded is not reported as the total", async () => {
  const bench = new DownloadBench().serve(serve({ length: 999, hidden: true, stall: CUT }));
  void bench.start([modelFile()]).catch(() => undefined);
  await bench.received(CUT);
  bench.clock.advance(250);
  expect(bench.said.at(-1)).toMatchObject({ loaded_bytes: CUT, total_bytes: null, fraction: null });
});

describe("a manifest", () => {
  const ask = { url: URL_OF_FILE, cache: "webllm/model", refresh: false } as const;
  const never = new AbortController().signal;
  const text = (body: string): Answer => serve({ bytes: new TextEncoder().encode(body) });

  it("is read once from the network, then from the cache, until a refresh", async () => {
    const bench = new DownloadBench().serve(status(500), text("{}"), text("[1]"));
    expect(await bench.finish(bench.downloader.read(ask, never))).toEqual({ text: "{}", size_bytes: 2, from: "network" });
    expect(await bench.downloader.read(ask, never)).toEqual({ text: "{}", size_bytes: 2, from: "cache" });
    expect(await bench.downloader.read({ ...ask, refresh: true }, never)).toEqual({ text: "[1]", size_bytes: 3, from: "network" });
    expect(await bench.caches.text("webllm/model", URL_OF_FILE)).toBe("[1]");
  });

  it("that cannot be fetched leaves the old one, and the error has the reason", async () => {
    const bench = new DownloadBench().serve(text("{}"), status(404));
    await bench.downloader.read(ask, never);
    await expect(bench.downloader.read({ ...ask, refresh: true }, never)).rejects.toMatchObject(interrupted("missing"));
    expect(await bench.caches.text("webllm/model", URL_OF_FILE)).toBe("{}");
  });

  it("that breaks off is requested again, and one without end is refused", async () => {
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
      .at("https://models.example/e", noServer)
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
