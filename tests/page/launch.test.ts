/** What a page of ours takes from outside: a launch from Python alone, and no address at all. */

import { describe, expect, it } from "vitest";
import { socketUrl } from "../../web/src/engine/socket.ts";
import { isFramed } from "../../web/src/frame.ts";
import { takeLaunch } from "../../web/src/host/launch.ts";

describe("a launch", () => {
  it("is taken once, and is then there for no other script", () => {
    const scope = {};
    Object.defineProperty(scope, "browserllmLaunch", { value: { secret: "s", seen: true }, configurable: true });
    expect(takeLaunch(scope)).toEqual({ secret: "s", seen: true });
    expect(Object.hasOwn(scope, "browserllmLaunch")).toBe(false);
    expect(takeLaunch(scope)).toBeNull();
  });

  it("is nothing that the document or another page could put there", () => {
    // Elements with an id and frames with a name are found on the window, but are no properties of its own.
    expect(takeLaunch(Object.create({ browserllmLaunch: { secret: "s" } }) as object)).toBeNull();
    for (const value of [null, "s", 1, [], {}, { secret: "" }, { secret: 1 }, { secret: ["s"] }, { url: "ws://evil.test" }]) {
      expect(takeLaunch({ browserllmLaunch: value })).toBeNull();
    }
    expect(takeLaunch({ browserllmLaunch: { secret: "s", seen: "yes" } })).toEqual({ secret: "s", seen: false });
  });
});

describe("the engine's socket", () => {
  const secrets = ["s", "", "@evil.test/", "//evil.test", "\\evil.test", "&token=x#y", "%2f..%2f", "\n\u0000", "\u{1f600}", "x".repeat(5000)];

  it("is always at the site's own host, whatever the secret", () => {
    for (const site of ["http://browserllm.localhost/host.html", "https://example.test:8443/a/b", "http://127.0.0.1:9/"]) {
      for (const secret of secrets) {
        const url = new URL(socketUrl(new URL(site), secret));
        expect([url.host, url.pathname, url.hash, url.username]).toEqual([new URL(site).host, "/host", "", ""]);
        expect(url.protocol).toBe(site.startsWith("https") ? "wss:" : "ws:");
        expect(url.searchParams.getAll("token")).toEqual([secret]);
      }
    }
  });
});

describe("a frame", () => {
  it("is detected by the window at the top", () => {
    const own = {} as Window & typeof globalThis;
    const other = {} as Window & typeof globalThis;
    expect(isFramed({ top: own, window: own })).toBe(false);
    expect(isFramed({ top: other, window: own })).toBe(true);
    expect(isFramed({ top: null, window: own })).toBe(true);
  });
});
