// @vitest-environment happy-dom
/** The JavaScript API of a page: answers, models, and who may answer. */

import { expect, test, vi } from "vitest";
import { make } from "@browserllm/react/testing";
import type { AnswerInfo, HopInfo, Settings } from "@browserllm/react/state";
import { fakeClock, site } from "./helpers.ts";

fakeClock();

const cloudy = (changes: Partial<Settings>): { settings: Settings } => ({ settings: { ...make("Settings", {}), neverLeaveDevice: false, ...changes } });
const hop = (backend: string): HopInfo => make("HopInfo", { backend, reason: `${backend} failed`, code: "load_failed" });

test("chat streams the answer piece by piece", async () => {
  const { api, app } = site({ answers: [{ reasoning: "Hm.", text: "One two three." }] });
  const pieces: string[] = [];
  const thoughts: string[] = [];
  const answer = api.chat([{ role: "system", content: "Count." }, { role: "user", content: "Go" }], { temperature: 0, onToken: (text) => pieces.push(text), onReasoning: (text) => thoughts.push(text) });
  await app.advance(5000);
  expect(await answer).toMatchObject({ text: "One two three.", reasoning: "Hm." });
  expect(pieces).toEqual(["One", " two", " three."]);
  expect(thoughts).toEqual(["Hm."]);
  const call = app.calls.find(({ action }) => action === "generate");
  expect(call?.args).toEqual({
    messages: [{ role: "system", parts: [{ type: "text", text: "Count." }] }, { role: "user", parts: [{ type: "text", text: "Go" }] }],
    settings: { temperature: 0 },
  });
});

test("the model that the page has loaded answers, whatever the app's settings name", async () => {
  const { api, app } = site();
  const loaded = api.init({ model: "small" });
  await app.advance(5000);
  await loaded;
  const answer = api.complete("Hello");
  await app.advance(5000);
  await answer;
  expect(app.calls.at(-1)?.args).toMatchObject({ settings: { model: "small" } });
});

test("init without a model takes the app's choice if it is on the device, else the built-in one", async () => {
  const first = site();
  const started = first.api.init();
  await first.app.advance(1000);
  expect(await started).toMatchObject({ state: "idle", model: "pocket" });
  const other = site();
  other.app.models.change("large", { downloaded: true });
  other.app.change((state) => ({ ...state, settings: { ...state.settings, model: "large" } }));
  const progress = vi.fn();
  const again = other.api.init({ onProgress: progress });
  await other.app.advance(1000);
  expect(await again).toMatchObject({ model: "large" });
  expect(progress).toHaveBeenCalledWith(expect.objectContaining({ model: "large", fraction: 0.5 }));
});

test("what is not a list of messages, or not a mode, is refused as the documentation says", async () => {
  const { api, app } = site();
  const untyped = api as unknown as Record<"chat" | "complete" | "setMode", (given: unknown) => Promise<unknown>>;
  await expect(untyped.chat("Hello")).rejects.toMatchObject({ name: "BrowserLLMError", code: "invalid_request", remedy: "For one prompt, call complete(prompt)." });
  await expect(untyped.chat([{ role: "user", content: "Hello" }, "Hello"])).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "messages" } });
  await expect(untyped.complete(undefined)).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "messages" } });
  await expect(untyped.setMode("lokal")).rejects.toMatchObject({ code: "invalid_request", message: "the mode 'lokal' does not exist", remedy: "Use local, cloud, auto." });
  expect(app.calls).toEqual([]);
});

test("an aborted answer rejects at once and is cancelled", async () => {
  const { api, app } = site({ answers: ["A long answer that takes its time."] });
  const abort = new AbortController();
  const answer = api.complete("Hello", { signal: abort.signal });
  await app.advance(120);
  abort.abort();
  await expect(answer).rejects.toMatchObject({ code: "cancelled" });
  await app.advance(0);
  expect(app.clock.busy).toBe(false);
  expect(api.getStatus().state).not.toBe("error");
});

test("an answer that fails rejects and is shown until one works", async () => {
  const { api, app } = site({ answers: [{ text: "x", error: { code: "device_lost", title: "The GPU was lost", message: "gone" } }, "Fine."] });
  const failed = api.complete("Hello");
  failed.catch(() => undefined);
  await app.advance(1000);
  await expect(failed).rejects.toMatchObject({ code: "device_lost" });
  expect(api.getStatus()).toMatchObject({ state: "error", message: "The GPU was lost" });
  const fine = api.complete("Hello");
  await app.advance(1000);
  await fine;
  expect(api.getStatus().state).toBe("disabled");
});

test("the models are those that answer messages; the runtime says what runs where", async () => {
  const { api, app } = site();
  app.models.change("vectors", make("Model", { id: "vectors", name: "Vectors", type: "embedding" }));
  const models = api.getAvailableModels();
  await app.advance(0);
  expect((await models).map(({ id }) => id)).toEqual(["pocket", "small", "large"]);
  expect(app.calls.at(-1)?.action).toBe("models.refresh");
  const loaded = api.switchModel("pocket");
  await app.advance(1000);
  await loaded;
  expect(await api.getRuntimeInfo()).toMatchObject({ version: "0.1.0", python: "page", model: "pocket", engine: "webllm", device: "webgpu", gpu: "Scripted GPU", memoryBytes: 1_300_000 });
  const unloaded = api.unload();
  await app.advance(0);
  await unloaded;
  expect(api.getStatus().model).toBeNull();
});

test("another model that is asked for takes the place of the load in progress", async () => {
  const { api, app } = site();
  const first = api.switchModel("large");
  first.catch(() => undefined);
  await app.advance(100);
  const second = api.switchModel("small");
  await expect(first).rejects.toMatchObject({ code: "cancelled" });
  await app.advance(5000);
  await second;
  expect(app.state.loaded.map(({ model }) => model)).toEqual(["small"]);
});

test("local is available where an engine runs and a model fits", async () => {
  const { api, app } = site();
  const there = api.isLocalAvailable();
  await app.advance(0);
  expect(await there).toBe(true);
  app.change((state) => ({ ...state, engines: [make("Engine", { name: "webllm", label: "WebLLM", available: false, reason: "no WebGPU" })] }));
  await app.advance(0);
  expect(await api.isLocalAvailable()).toBe(false);
});

test("the mode is local while nothing may leave the device, and leaving it needs a word of consent", async () => {
  const { api, app } = site();
  const changes: unknown[] = [];
  api.addEventListener("hybrid-llm:mode-changed", (event) => changes.push((event as CustomEvent<unknown>).detail));
  document.addEventListener("hybrid-llm:mode-changed", (event) => changes.push((event as CustomEvent<unknown>).detail), { once: true });
  const mode = api.getMode();
  await app.advance(0);
  expect(await mode).toBe("local");
  await expect(api.setMode("cloud")).rejects.toMatchObject({ code: "invalid_request", title: "This stays on your device" });
  expect(app.state.settings.neverLeaveDevice).toBe(true);
  const allowed = api.setMode("cloud", { allowCloud: true });
  await app.advance(0);
  await allowed;
  expect(app.state.settings).toMatchObject({ mode: "cloud", neverLeaveDevice: false });
  expect(await api.getMode()).toBe("cloud");
  expect(changes).toEqual([{ mode: "cloud", previous: "local" }, { mode: "cloud", previous: "local" }]);
  app.change((state) => ({ ...state, settings: { ...state.settings, mode: "auto" } })); // by another part of the page
  await app.advance(0);
  expect(changes.at(-1)).toEqual({ mode: "auto", previous: "cloud" });
});

const FALLBACKS: [name: string, settings: Partial<Settings>, hops: string[], answered: Partial<AnswerInfo>, from: string | null][] = [
  ["the device that was to answer first and failed", { mode: "auto", policy: "local_first" }, ["local"], { where: "cloud", backend: "cloud:a" }, "local"],
  ["the cloud that was to answer first and failed", { mode: "auto", policy: "cloud_first" }, ["cloud:a"], { where: "local", backend: "local" }, "cloud:a"],
  ["one cloud for another", { mode: "cloud" }, ["local", "cloud:a"], { where: "cloud", backend: "cloud:b" }, "cloud:a"],
  ["not a cloud that was left out where the device comes first", { mode: "auto", policy: "local_first" }, ["cloud:a"], { where: "local", backend: "local" }, null],
  ["not the clouds of a page that asks none", { mode: "local" }, ["cloud:a"], { where: "local", backend: "local" }, null],
  ["not a second try of the same backend", { mode: "cloud" }, ["cloud:a"], { where: "cloud", backend: "cloud:a" }, null],
];

test.each(FALLBACKS)("a fallback is told: %s", async (_, settings, hops, answered, from) => {
  const { api, app } = site({ state: cloudy(settings), answers: [{ text: "Yes.", info: { hops: hops.map(hop), ...answered } }] });
  const told: unknown[] = [];
  api.addEventListener("hybrid-llm:fallback", (event) => told.push((event as CustomEvent<{ from: HopInfo }>).detail.from.backend));
  const answer = api.complete("Hello");
  await app.advance(1000);
  await answer;
  expect(told).toEqual(from === null ? [] : [from]);
});

test("a policy that is to choose is not overruled by the loaded model", async () => {
  const { api, app } = site({ state: { ...cloudy({ mode: "auto", policy: "cloud_first" }), loaded: [make("Loaded", { model: "pocket", engine: "webllm", device: "webgpu" })] } });
  const answer = api.complete("Hello");
  await app.advance(1000);
  await answer;
  expect(app.calls.at(-1)?.args).toMatchObject({ settings: {} });
  expect((app.calls.at(-1)?.args as { settings: object }).settings).not.toHaveProperty("model");
});
