// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { BackgroundFetches, NoRoom } from "../../../web/app/offline/background_fetches.ts";
import { BACKGROUND_ENDED, BackgroundRecords, type BackgroundFile, type BackgroundRecord } from "../../../web/src/offline/background.ts";
import { MemoryCaches } from "./memory_caches.ts";

const SCRIPT = "https://site.test/llm/sw.js";
const FILES: readonly BackgroundFile[] = [
  { url: "https://models.test/m/a", cache: "transformers-cache", size_bytes: 600, hash: null },
  { url: "https://models.test/m/b", cache: "transformers-cache", size_bytes: 400, hash: null },
];

class FakeFetch extends EventTarget {
  downloaded = 0;
  result = "";
  readonly downloadTotal: number;
  readonly id: string;
  readonly abort = vi.fn(() => Promise.resolve(true));

  constructor(id: string, downloadTotal: number) {
    super();
    this.id = id;
    this.downloadTotal = downloadTotal;
  }

  reach(downloaded: number, result = ""): void {
    Object.assign(this, { downloaded, result });
    this.dispatchEvent(new Event("progress"));
  }
}

interface Circumstances {
  readonly controller?: string;
  readonly free?: number | null;
  readonly refused?: boolean;
  readonly has?: boolean;
  readonly records?: BackgroundRecords;
}

async function page({ controller = SCRIPT, free = 5000, refused = false, has = true, records = new BackgroundRecords(new MemoryCaches(), new URL("https://site.test/llm/")) }: Circumstances = {}) {
  const running = new Map<string, FakeFetch>();
  const manager = {
    fetch: vi.fn((id: string, _urls: readonly string[], { downloadTotal }: { downloadTotal: number }) => {
      if (refused) return Promise.reject(new TypeError("no permission"));
      const fetch = new FakeFetch(id, downloadTotal);
      running.set(id, fetch);
      return Promise.resolve(fetch);
    }),
    get: (id: string) => Promise.resolve(running.get(id)),
  };
  const container = Object.assign(new EventTarget(), {
    controller: { scriptURL: controller },
    ready: Promise.resolve({ active: { scriptURL: SCRIPT }, ...(has ? { backgroundFetch: manager } : {}) }),
  });
  const fetches = new BackgroundFetches({
    serviceWorker: container as unknown as ServiceWorkerContainer,
    script: SCRIPT,
    records,
    freeBytes: () => Promise.resolve(free),
    after: () => new Promise(() => undefined),
  });
  await fetches.start();
  /** The service worker has taken what a fetch brought. */
  const end = async (complete: boolean, reason = ""): Promise<void> => {
    const record = (await records.list())[0] as BackgroundRecord;
    running.delete(record.id);
    await records.put({ ...record, end: { complete, reason } });
    container.dispatchEvent(new MessageEvent("message", { data: { type: BACKGROUND_ENDED } }));
  };
  return { fetches, manager, records, running, end, only: () => [...running.values()][0] as FakeFetch };
}

describe("BackgroundFetches", () => {
  it("is available where the browser has it and the site's own service worker controls the page", async () => {
    expect((await page()).fetches.getStatus().available).toBe(true);
    expect((await page({ has: false })).fetches.getStatus().available).toBe(false);
    expect((await page({ controller: "https://site.test/other.js" })).fetches.getStatus().available).toBe(false);
  });

  it("shows the browser's fetch from its start to its end", async () => {
    const { fetches, manager, records, end, only } = await page();
    await fetches.fetch("m", "The model", FILES);
    expect(manager.fetch.mock.calls[0]?.[1]).toEqual(FILES.map(({ url }) => url));
    expect((await records.list())[0]).toMatchObject({ model: "m", id: only().id, files: FILES, end: null });
    expect(fetches.getStatus().models["m"]).toEqual({ phase: "fetching", receivedBytes: 0, totalBytes: 1000, reason: "" });
    only().reach(700);
    expect(fetches.getStatus().models["m"]).toMatchObject({ phase: "fetching", receivedBytes: 700 });
    only().reach(1000, "success");
    expect(fetches.getStatus().models["m"]?.phase).toBe("storing");
    await end(true);
    await vi.waitFor(() => { expect(fetches.getStatus().models["m"]).toMatchObject({ phase: "complete", receivedBytes: 1000 }); });
    await fetches.forget("m");
    expect(await records.list()).toEqual([]);
    expect(fetches.getStatus().models).toEqual({});
  });

  it("finds at the next visit what goes on, what has ended, and what the browser has lost", async () => {
    const first = await page();
    await first.fetches.fetch("m", "The model", FILES);
    const lost = await page({ records: first.records });
    expect(lost.fetches.getStatus().models["m"]).toMatchObject({ phase: "incomplete", reason: "fetch-error" });
    await first.end(false, "bad-status");
    const next = await page({ records: first.records });
    expect(next.fetches.getStatus().models["m"]).toMatchObject({ phase: "incomplete", reason: "bad-status" });
  });

  it("begins nothing without the room for two copies, and leaves nothing when the browser refuses", async () => {
    const small = await page({ free: 1999 });
    await expect(small.fetches.fetch("m", "The model", FILES)).rejects.toThrow(NoRoom);
    expect(small.manager.fetch).not.toHaveBeenCalled();
    const refused = await page({ refused: true, free: null });
    await expect(refused.fetches.fetch("m", "The model", FILES)).rejects.toThrow("no permission");
    expect(await refused.records.list()).toEqual([]);
    expect(refused.fetches.getStatus().models).toEqual({});
  });

  it("stops once the service worker has taken what had arrived, so that nothing is fetched again", async () => {
    const { fetches, records, end, only } = await page();
    await fetches.fetch("m", "The model", FILES);
    const fetch = only();
    let stopped = false;
    const stopping = fetches.stop("m").then(() => { stopped = true; });
    await vi.waitFor(() => { expect(fetch.abort).toHaveBeenCalled(); });
    expect(stopped).toBe(false);
    await end(false, "aborted");
    await stopping;
    expect(await records.list()).toEqual([]);
    expect(fetches.getStatus().models).toEqual({});
  });
});
