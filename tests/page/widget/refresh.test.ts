// @vitest-environment happy-dom
/** What has no event: how long a load takes, how long ago an answer was. The widget looks each 500 ms, or each 5 s. */

import { expect, test, vi } from "vitest";
import { make } from "@browserllm/react/testing";
import { fakeClock, part, site, widget, words } from "./helpers.ts";

fakeClock();

test("a load without news is looked at each 500 ms", async () => {
  const { src, app } = site({ on: { "models.load": () => new Promise<null>(() => undefined) } });
  const { element } = widget(src, { "auto-load": "" });
  await app.advance(0);
  expect(words(element, "progress")).toBe("");
  vi.advanceTimersByTime(500);
  expect(words(element, "progress")).toBe("");
  vi.advanceTimersByTime(500);
  expect(words(element, "progress")).toBe("1 sec so far");
  vi.advanceTimersByTime(499);
  vi.advanceTimersByTime(501);
  expect(words(element, "progress")).toBe("2 sec so far");
  expect(part(element, "bar").hasAttribute("value")).toBe(false);
});

test("a download from which nothing arrives says so after ten seconds, and no longer when something does", async () => {
  const download = make("Download", { model: "small", state: "running", receivedBytes: 1e6, totalBytes: 4e6, bytesPerS: 1e6, leftS: 3 });
  const { src, app } = site({ on: { "models.load": () => new Promise<null>(() => undefined) } });
  const { element } = widget(src, { model: "small", "auto-load": "" });
  app.change((state) => ({ ...state, downloads: { small: download } }));
  await app.advance(0);
  vi.advanceTimersByTime(9500);
  expect(words(element, "progress")).toBe("1 MB of 4 MB · 1 MB/s · 3 sec left");
  vi.advanceTimersByTime(2500);
  expect(words(element, "progress")).toBe("1 MB of 4 MB · nothing has arrived for 12 sec");
  app.change((state) => ({ ...state, downloads: { small: { ...download, receivedBytes: 2e6 } } }));
  await app.advance(0);
  expect(words(element, "progress")).toBe("2 MB of 4 MB · 1 MB/s · 3 sec left");
});

test("an idle widget is looked at each 5 s, and only the words that changed are written", async () => {
  const { src, app } = site();
  const { element } = widget(src, { "auto-load": "" });
  await app.advance(1000);
  app.change((state) => ({
    ...state,
    totals: { ...state.totals, answers: 1, lastActivityAt: Date.now() },
    loaded: state.loaded.map((loaded) => ({ ...loaded, expiresAt: Date.now() + 300_000 })),
  }));
  await app.advance(0);
  expect(words(element, "times")).toBe("Last used now · Freed in 5 min.");
  vi.advanceTimersByTime(4999);
  expect(words(element, "times")).toBe("Last used now · Freed in 5 min.");
  vi.advanceTimersByTime(1);
  expect(words(element, "times")).toBe("Last used 5 sec. ago · Freed in 5 min.");
  const controls = part(element, "controls").innerHTML;
  const first = part(element, "controls").firstChild;
  vi.advanceTimersByTime(60_000);
  expect(words(element, "times")).toBe("Last used 1 min. ago · Freed in 4 min.");
  expect(part(element, "controls").innerHTML).toBe(controls);
  expect(part(element, "controls").firstChild).toBe(first);
  expect(vi.getTimerCount()).toBe(1);
});

test("nothing is looked at while nothing is loaded", async () => {
  const { src, app } = site();
  widget(src);
  await app.advance(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("screen readers hear of a load at each quarter, not at each byte", async () => {
  const { src, app } = site({ on: { "models.load": () => new Promise<null>(() => undefined) } });
  const { element } = widget(src, { model: "small", "auto-load": "" });
  const live = part(element, "live");
  expect(live.getAttribute("role")).toBe("status");
  const heard: string[] = [];
  for (const received of [1, 10, 24, 25, 26, 49, 50, 99]) {
    app.change((state) => ({ ...state, downloads: { small: make("Download", { model: "small", state: "running", receivedBytes: received, totalBytes: 100 }) } }));
    await app.advance(0);
    if (heard.at(-1) !== live.textContent) heard.push(live.textContent);
  }
  expect(heard).toEqual(["Downloading: Small 0.6B 0%", "Downloading: Small 0.6B 25%", "Downloading: Small 0.6B 50%", "Downloading: Small 0.6B 75%"]);
});
