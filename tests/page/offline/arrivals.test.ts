import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Arrivals } from "../../../web/src/offline/arrivals.ts";
import { BackgroundRecords, type BackgroundFetchRegistration, type BackgroundFile } from "../../../web/src/offline/background.ts";
import { MemoryCaches } from "./memory_caches.ts";

const URL_OF = "https://models.test/m/";
const BYTES = "weights";

const file = (name: string, promise: Partial<BackgroundFile> = {}): BackgroundFile => ({
  url: URL_OF + name,
  cache: "transformers-cache",
  size_bytes: BYTES.length,
  hash: null,
  ...promise,
});

const md5 = (text: string): BackgroundFile["hash"] => ({ algorithm: "md5", value: createHash("md5").update(text).digest("hex") });

/** What the browser has fetched: a body, a status, or nothing. */
type Fetched = Readonly<Record<string, string | number | null>>;

interface Circumstances {
  readonly failureReason?: string;
  /** A tab is downloading the files. */
  readonly locked?: boolean;
  readonly full?: boolean;
  readonly id?: string;
  /** What the engine's cache has. */
  readonly before?: Readonly<Record<string, string>>;
}

async function taken(files: readonly BackgroundFile[], fetched: Fetched, { failureReason = "", locked = false, full = false, id = "m 1", before = {} }: Circumstances = {}) {
  const caches = new MemoryCaches();
  if (full) caches.full.add("transformers-cache");
  const storage = caches as unknown as CacheStorage;
  const records = new BackgroundRecords(storage, new URL("https://site.test/llm/"));
  await records.put({ id: "m 1", model: "m", files, end: null });
  for (const [name, body] of Object.entries(before)) await (await storage.open("transformers-cache")).put(URL_OF + name, new Response(body));
  const locks = {
    request: (_name: string, _options: object, work: (lock: object | null) => Promise<unknown>) => work(locked ? null : {}),
  } as unknown as Pick<LockManager, "request">;
  const registration = {
    id,
    failureReason,
    matchAll: () =>
      Promise.resolve(
        Object.entries(fetched).map(([name, answer]) => ({
          request: new Request(URL_OF + name),
          responseReady:
            answer === null
              ? Promise.reject(new DOMException("the fetch was aborted", "AbortError"))
              : Promise.resolve(typeof answer === "number" ? new Response("no", { status: answer }) : new Response(answer, { headers: { "Content-Type": "text/x" } })),
        })),
      ),
  } as unknown as BackgroundFetchRegistration;
  const record = await new Arrivals(records, storage, locks).take(registration);
  const stored = [...(caches.stored.get("transformers-cache")?.keys() ?? [])].map((url) => url.slice(URL_OF.length));
  return { record, stored, caches, kept: await records.list() };
}

describe("Arrivals", () => {
  beforeEach(() => { vi.spyOn(console, "warn").mockImplementation(() => undefined); });

  it("puts every file into its engine's cache, as a download in the page would", async () => {
    const { record, stored, caches, kept } = await taken([file("a"), file("b", { hash: md5(BYTES), cache: "webllm/model" })], { a: BYTES, b: BYTES });
    expect(record?.end).toEqual({ complete: true, reason: "" });
    expect(kept).toEqual([record]);
    expect(stored).toEqual(["a"]);
    const entry = caches.stored.get("webllm/model")?.get(`${URL_OF}b`);
    expect(new TextDecoder().decode(entry?.body)).toBe(BYTES);
    expect(entry?.headers.get("Content-Length")).toBe(String(BYTES.length));
    expect(entry?.headers.get("Content-Type")).toBe("text/x");
  });

  it.each([
    ["size", file("a", { size_bytes: 3 })],
    ["hash", file("a", { hash: md5("heavier") })],
  ])("drops a file whose %s is not what the manifest promises, and keeps the others", async (_what, wrong) => {
    const { record, stored } = await taken([wrong, file("b")], { a: BYTES, b: BYTES });
    expect(record?.end).toEqual({ complete: false, reason: "wrong" });
    expect(stored).toEqual(["b"]);
  });

  it("keeps what is complete of a fetch that has failed, and says why it failed", async () => {
    const { record, stored } = await taken([file("a"), file("b")], { a: 500, b: BYTES }, { failureReason: "bad-status" });
    expect(record?.end).toEqual({ complete: false, reason: "bad-status" });
    expect(stored).toEqual(["b"]);
  });

  it("keeps what is complete of a fetch that was aborted", async () => {
    const { record, stored } = await taken([file("a"), file("b")], { a: BYTES, b: null }, { failureReason: "aborted" });
    expect(record?.end).toEqual({ complete: false, reason: "aborted" });
    expect(stored).toEqual(["a"]);
  });

  it("is not complete while a file is missing, whatever the browser says", async () => {
    const { record } = await taken([file("a"), file("b")], { a: BYTES });
    expect(record?.end).toEqual({ complete: false, reason: "fetch-error" });
  });

  it("leaves a file alone that a tab is downloading", async () => {
    const { record, stored } = await taken([file("a")], { a: BYTES }, { locked: true });
    expect(record?.end?.complete).toBe(false);
    expect(stored).toEqual([]);
  });

  it("does not write a file again that is there, and replaces a wrong one", async () => {
    const there = await taken([file("a")], { a: BYTES }, { before: { a: "already" } });
    expect(there.record?.end?.complete).toBe(true);
    expect(new TextDecoder().decode(there.caches.stored.get("transformers-cache")?.get(`${URL_OF}a`)?.body)).toBe("already");
    const wrong = await taken([file("a")], { a: BYTES }, { before: { a: "torn" } });
    expect(new TextDecoder().decode(wrong.caches.stored.get("transformers-cache")?.get(`${URL_OF}a`)?.body)).toBe(BYTES);
  });

  it("says that there was no room", async () => {
    const { record } = await taken([file("a")], { a: BYTES }, { full: true });
    expect(record?.end).toEqual({ complete: false, reason: "quota-exceeded" });
  });

  it("takes nothing of a fetch that the page has given up", async () => {
    const { record, stored, kept } = await taken([file("a")], { a: BYTES }, { id: "m 0" });
    expect(record).toBeNull();
    expect(stored).toEqual([]);
    expect(kept[0]?.end).toBeNull();
  });
});
