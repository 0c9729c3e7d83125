import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { SiteCache } from "../../../web/src/offline/cache.ts";
import { CACHE_PREFIX, pathOf, readRange, type SiteFiles } from "../../../web/src/offline/files.ts";
import { MemoryCaches } from "./memory_caches.ts";

const SCOPE = new URL("https://site.test/llm/");

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A site with these files, of which the ones in `core` are fetched at once, and a server that counts what it is asked for. */
function site(version: string, contents: Record<string, string>, core: readonly string[], memory = new MemoryCaches()) {
  const asked: string[] = [];
  const files: SiteFiles = {
    version,
    files: Object.entries(contents).map(([path, text]) => ({ path, sha256: sha256(text), core: core.includes(path) })),
  };
  const server = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const path = url.pathname.slice(SCOPE.pathname.length);
    asked.push(path);
    const text = contents[path];
    if (text === undefined) return Promise.resolve(new Response("not found", { status: 404 }));
    const integrity = init?.integrity;
    const real = `sha256-${createHash("sha256").update(text).digest("base64")}`;
    if (integrity !== undefined && integrity !== real) return Promise.reject(new TypeError("Failed to fetch"));
    return Promise.resolve(new Response(text, { headers: { "Content-Type": "text/javascript" } }));
  };
  return { cache: new SiteCache(files, SCOPE, memory, server), memory, asked };
}

const request = (path: string, headers: Record<string, string> = {}): Request => new Request(new URL(path, SCOPE), { headers });

describe("SiteCache", () => {
  it("fetches the core at the first visit, and answers from it without the server", async () => {
    const { cache, memory, asked } = site("1", { "index.html": "page", "app.js": "code", "engine.js": "big" }, ["index.html", "app.js"]);
    await cache.install();
    expect(memory.paths(CACHE_PREFIX + "1", SCOPE)).toEqual(["app.js", "index.html"]);
    asked.length = 0;
    expect(await (await cache.answer("app.js", request("app.js"))).text()).toBe("code");
    expect(asked).toEqual([]);
  });

  it("keeps what a visit has used, and ignores what is not of this version", async () => {
    const { cache, memory } = site("1", { "index.html": "page", "engine.js": "big" }, ["index.html"]);
    await cache.install();
    await cache.keep(["engine.js", "from-another-site.js"]);
    expect(memory.paths(CACHE_PREFIX + "1", SCOPE)).toEqual(["engine.js", "index.html"]);
  });

  it("takes unchanged files from the version before, and what that one had kept", async () => {
    const first = site("1", { "index.html": "old", "app.js": "same", "engine.js": "big", "other.js": "x" }, ["index.html", "app.js"]);
    await first.cache.install();
    await first.cache.keep(["engine.js"]);
    const second = site("2", { "index.html": "new", "app.js": "same", "engine.js": "big", "other.js": "x" }, ["index.html", "app.js"], first.memory);
    await second.cache.install();
    expect(second.asked).toEqual(["index.html"]);
    expect(second.memory.paths(CACHE_PREFIX + "2", SCOPE)).toEqual(["app.js", "engine.js", "index.html"]);
    await second.cache.removeOld();
    expect([...second.memory.stored.keys()]).toEqual([`${CACHE_PREFIX}2`]);
  });

  it("answers with a file that only the version before has, for a tab that is still of that version", async () => {
    const first = site("1", { "index.html": "old", "assets/view-1.js": "old view" }, ["index.html", "assets/view-1.js"]);
    await first.cache.install();
    const second = site("2", { "index.html": "new", "assets/view-2.js": "new view" }, ["index.html"], first.memory);
    await second.cache.install();
    const text = async (path: string): Promise<string> => (await second.cache.answer(path, request(path))).text();
    expect(await text("assets/view-1.js")).toBe("old view");
    expect(await text("index.html")).toBe("new");
    expect(await text("assets/view-2.js")).toBe("new view");
    await second.cache.removeOld();
    expect((await second.cache.answer("assets/view-1.js", request("assets/view-1.js"))).status).toBe(404);
  });

  it("does not install a version of which a file is missing or has other bytes", async () => {
    const missing = site("1", { "index.html": "page" }, ["index.html"]);
    const files = { version: "1", files: [{ path: "gone.js", sha256: sha256("gone"), core: true }] };
    const answer404 = (): Promise<Response> => Promise.resolve(new Response("", { status: 404 }));
    const broken = new SiteCache(files, SCOPE, missing.memory, answer404);
    await expect(broken.install()).rejects.toThrow("gone.js could not be fetched: the server answered 404");
  });

  it("answers ranges from a whole file", async () => {
    const { cache } = site("1", { "python.zip": "0123456789" }, ["python.zip"]);
    await cache.install();
    const part = await cache.answer("python.zip", request("python.zip", { Range: "bytes=2-4" }));
    expect([part.status, await part.text(), part.headers.get("Content-Range")]).toEqual([206, "234", "bytes 2-4/10"]);
    expect((await cache.answer("python.zip", request("python.zip", { Range: "bytes=10-" }))).status).toBe(416);
  });

  it("isolates the site, also with what comes from the server", async () => {
    const { cache } = site("1", { "index.html": "page", "engine.js": "big" }, ["index.html"]);
    await cache.install();
    for (const path of ["index.html", "engine.js"]) {
      const { headers } = await cache.answer(path, request(path));
      expect(headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin");
      expect(headers.get("Cross-Origin-Embedder-Policy")).toBe("credentialless");
    }
  });
});

describe("pathOf", () => {
  it.each([
    ["https://site.test/llm/", "index.html"],
    ["https://site.test/llm/examples/agent/", "examples/agent/index.html"],
    ["https://site.test/llm/app.js?1234", "app.js"],
    ["https://site.test/other/app.js", null],
    ["https://elsewhere.test/llm/app.js", null],
  ])("%s", (url, path) => { expect(pathOf(new URL(url), SCOPE)).toBe(path); });
});

describe("readRange", () => {
  it.each([
    [null, null],
    ["bytes=0-0", { start: 0, end: 0 }],
    ["bytes=5-", { start: 5, end: 9 }],
    ["bytes=-3", { start: 7, end: 9 }],
    ["bytes=-30", { start: 0, end: 9 }],
    ["bytes=8-20", { start: 8, end: 9 }],
    ["bytes=10-", "none"],
    ["bytes=4-3", "none"],
    ["bytes=-", null],
    ["bytes=0-1,3-4", null],
    ["chars=0-1", null],
  ])("%s", (header, range) => { expect(readRange(header, 10)).toEqual(range); });
});
