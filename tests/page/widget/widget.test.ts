// @vitest-environment happy-dom
/** The element: its states, events and attributes, and what it leaves behind. */

import { expect, test, vi } from "vitest";
import { make, sampleState, scriptedClient, scriptedError } from "@browserllm/react/testing";
import { serviceFor } from "../../../web/widget/service.ts";
import { button, buttons, fakeClock, part, site, widget, words } from "./helpers.ts";

fakeClock();

test("nothing is started until the user presses Start, and then the model that needs no download loads", async () => {
  const { src, app, connections } = site();
  const { element, events } = widget(src);
  await app.advance(0);
  expect(connections()).toBe(0);
  expect(element.getStatus()).toEqual({ state: "disabled", primaryMetric: null, secondaryMetric: null, lastActivity: null, message: "Nothing is loaded until you start it.", model: null, error: null });
  expect(element.dataset.state).toBe("disabled");
  button(element, "Start").click();
  expect(element.dataset.state).toBe("loading");
  await app.advance(1000);
  expect(connections()).toBe(1);
  expect(app.calls.filter(({ action }) => action === "models.load")).toEqual([{ action: "models.load", args: { model: "pocket" } }]);
  expect(element.getStatus().state).toBe("idle");
  expect(element.getStatus().model).toBe("pocket");
  expect(events).toEqual(["loading", "loading pocket", "ready pocket"]);
  expect(words(element, "name")).toBe("Pocket");
  expect(words(element, "badge-engine")).toBe("WebLLM");
  expect(words(element, "badge-device")).toBe("GPU");
});

test("a model that the processor runs in place of a GPU is marked as running on the CPU", async () => {
  const { src, app } = site({ state: { loaded: [make("Loaded", { model: "pocket", engine: "webllm", device: "webgpu", adapter: "google swiftshader (software)" })] } });
  const { element } = widget(src);
  button(element, "Start").click();
  await app.advance(1000);
  expect(words(element, "badge-device")).toBe("CPU");
});

test("a model that must be downloaded waits for the user, with its size on the button", async () => {
  const { src, app } = site();
  const { element } = widget(src, { model: "small" });
  button(element, "Start").click();
  await app.advance(1000);
  expect(app.calls.map(({ action }) => action)).not.toContain("models.load");
  expect(element.getStatus().state).toBe("disabled");
  button(element, "Download (400 MB)").click();
  await app.advance(5000);
  expect(element.getStatus().model).toBe("small");
});

test("a model that does not exist is an error once the models are known, until another one is chosen", async () => {
  const { src, app } = site();
  const { element } = widget(src, { model: "nonsense" });
  button(element, "Start").click();
  await app.advance(1000);
  expect(element.getStatus()).toMatchObject({ state: "error", error: { code: "model_not_found" } });
  expect(app.calls.map(({ action }) => action)).not.toContain("models.load");
  element.getControls().find((control) => control.kind === "select")?.run("pocket");
  button(element, "Try again").click();
  await app.advance(1000);
  await app.advance(1000); // the list of models, then the load
  expect(element.getStatus()).toMatchObject({ state: "idle", model: "pocket", error: null });
});

test("a model that does not exist is an error also where the app has loaded its built-in one meanwhile", async () => {
  const { src, app } = site({ state: { loaded: [make("Loaded", { model: "pocket", engine: "webllm", device: "webgpu" })] } });
  const { element } = widget(src, { model: "nonsense" });
  button(element, "Start").click();
  await app.advance(5000);
  expect(words(element, "error-message")).toBe("No model, or more than one, begins with “nonsense”.");
  expect(words(element, "error-remedy")).toContain("pocket");
  element.getControls().find((control) => control.kind === "select")?.run("pocket");
  button(element, "Try again").click();
  await app.advance(5000);
  expect(element.getStatus()).toMatchObject({ state: "idle", model: "pocket", error: null });
});

test("with auto-load, too, a model that does not exist is an error that names some that do", async () => {
  const { src, app } = site();
  const { element, events } = widget(src, { model: "nonsense", "auto-load": "" });
  await app.advance(1000);
  await app.advance(1000);
  expect(events.at(-1)).toBe("error model_not_found");
  expect(words(element, "error-message")).toBe("No model, or more than one, begins with “nonsense”.");
  expect(words(element, "error-remedy")).toBe("Choose one of the list, for example: pocket, small, large.");
  expect(app.calls.map(({ action }) => action)).toContain("models.refresh");
  element.setAttribute("model", "small");
  await app.advance(0);
  await app.advance(5000);
  expect(element.getStatus()).toMatchObject({ state: "idle", model: "small", error: null });
});

test("a start is cancelled while it lasts, and begins anew", async () => {
  const base = new URL("/slow-site/", document.baseURI).href;
  const client = scriptedClient({ state: { loaded: [] } });
  let ready: (() => void)[] = [];
  serviceFor(base, () => new Promise((resolve) => ready.push(() => { resolve(client); })));
  const { element, events } = widget("/slow-site/");
  button(element, "Start").click();
  expect(buttons(element)).toEqual(["Cancel"]);
  button(element, "Cancel").click();
  await client.app.advance(0);
  expect(element.getStatus()).toMatchObject({ state: "disabled", error: null, message: "Nothing is loaded until you start it." });
  ready[0]?.();
  await client.app.advance(1000);
  expect(element.getStatus().state).toBe("disabled");
  button(element, "Start").click();
  expect(ready).toHaveLength(2);
  ready[1]?.();
  await client.app.advance(1000);
  expect(element.getStatus()).toMatchObject({ state: "idle", model: "pocket" });
  expect(events).not.toContain("error disconnected");
  ready = [];
});

test("a load that another part of the page has begun is cancelled, too", async () => {
  const { src, app, client } = site();
  const { element } = widget(src);
  button(element, "Start").click();
  await app.advance(1000);
  button(element, "Unload").click();
  await app.advance(0);
  client.call("models.load", { model: "small" }).catch(() => undefined);
  await app.advance(500);
  expect(element.getStatus().state).toBe("loading");
  button(element, "Cancel").click();
  await app.advance(0);
  expect(app.calls.at(-1)).toEqual({ action: "models.unload", args: { model: "small" } });
});

test("the note says what Start does: with a model that must be downloaded, no more than what it needs to run", () => {
  const { src } = site();
  expect(words(widget(src).element, "message")).toBe("Nothing is loaded until you start it.");
  expect(words(widget(src, { model: "small" }).element, "message")).toMatch(/^Start loads what runs the model\. The next button downloads it/);
});

test("with auto-load it loads by itself, and its events tell how: they bubble and leave shadow roots", async () => {
  const { src, app } = site();
  const outer = document.createElement("div");
  document.body.append(outer);
  const seen: [string, boolean, boolean][] = [];
  document.addEventListener("local-llm:ready", (event) => { seen.push([(event as CustomEvent<{ model: string }>).detail.model, event.bubbles, event.composed]); }, { once: true });
  const { element, events, details } = widget(src, { model: "SMALL", "auto-load": "" });
  await app.advance(500);
  expect(element.getStatus()).toMatchObject({ state: "loading", primaryMetric: { value: 50, unit: "%", text: "50%" }, secondaryMetric: { unit: "s" }, message: "Downloading: Small 0.6B" });
  expect(part(element, "bar").getAttribute("aria-label")).toBe("Progress");
  expect((part(element, "bar") as HTMLProgressElement).value).toBe(0.5);
  expect(words(element, "progress")).toBe("200 MB of 400 MB · 400 MB/s · 500 ms left");
  await app.advance(5000);
  expect(events).toEqual(["loading SMALL", "ready small"]);
  expect(details).toContainEqual({ model: "small", phase: "downloading", fraction: 0.25, receivedBytes: 0.1e9, totalBytes: 0.4e9, bytesPerS: 0.4e9, leftS: 0.75 });
  expect(seen).toEqual([["small", true, true]]);
  expect(app.calls.filter(({ action }) => action === "models.load")).toHaveLength(1);
});

test("unload frees the memory and tells it", async () => {
  const { src, app } = site();
  const { element, events } = widget(src, { "auto-load": "" });
  await app.advance(1000);
  button(element, "Unload").click();
  await app.advance(0);
  expect(app.state.loaded).toEqual([]);
  expect(events.at(-1)).toBe("unloaded pocket");
  expect(element.getStatus()).toMatchObject({ state: "disabled", message: "No model is in memory." });
  expect(buttons(element)).toEqual(["Load"]);
});

test("choosing another model loads nothing until the button is pressed", async () => {
  const { src, app } = site();
  const { element, events } = widget(src, { "auto-load": "" });
  await app.advance(1000);
  const select = element.shadowRoot?.querySelector("select");
  expect([...(select?.options ?? [])].map(({ textContent }) => textContent)).toEqual(["Small 0.6B · 400 MB", "Large 4B · 2.3 GB", "Pocket"]);
  element.getControls().find((control) => control.kind === "select")?.run("small");
  await app.advance(0);
  expect(app.calls.filter(({ action }) => action === "models.load")).toHaveLength(1);
  expect(buttons(element)).toEqual(["Download (400 MB)", "Unload"]);
  button(element, "Download").click();
  await app.advance(5000);
  expect(events.slice(3)).toEqual(["loading small", "unloaded pocket", "ready small"]);
});

test("an answer of any part of the page makes it active, and the figures follow", async () => {
  const { src, app, api } = site({ answers: ["One two three."] });
  const { element } = widget(src, { "auto-load": "" });
  await app.advance(1000);
  const answer = api.complete("Hello");
  await app.advance(100);
  expect(element.getStatus()).toMatchObject({ state: "active", message: "Answering" });
  expect(element.dataset.state).toBe("active");
  await app.advance(1000);
  await answer;
  expect(element.getStatus().state).toBe("idle");
  const at = Date.now() - 60_000;
  app.change((state) => ({ ...state, totals: { answers: 3, tokens: 1200, tokensPerS: 41.25, answerMs: 2400, lastActivityAt: at } }));
  await app.advance(0);
  expect(element.getStatus()).toMatchObject({ primaryMetric: { value: 41.25, text: "41.3 tokens/s" }, secondaryMetric: { value: 3 }, lastActivity: at });
  expect([...(element.shadowRoot?.querySelectorAll("[part~=stat]") ?? [])].map(({ textContent }) => textContent)).toEqual(["Answers3", "Tokens1,200", "Average speed41.3 tokens/s", "Average time2.4 sec", "Memory≈ 1.3 MB"]);
});

test("an error says what to do, and trying again loads the same model", async () => {
  let fails = true;
  const { src, app } = site({
    on: {
      "models.load": () => {
        if (fails) throw scriptedError({ code: "out_of_memory", title: "Not enough memory", message: "the GPU has no room for 'pocket'", remedy: "Close other tabs.", actions: ["retry"] });
        app.change((state) => ({ ...state, loaded: [make("Loaded", { model: "pocket", engine: "webllm", device: "webgpu" })] }));
        return null;
      },
    },
  });
  const { element, events } = widget(src, { "auto-load": "" });
  await app.advance(0);
  expect(element.getStatus()).toMatchObject({ state: "error", message: "Not enough memory", error: { code: "out_of_memory", remedy: "Close other tabs." } });
  expect([words(element, "error-title"), words(element, "error-message"), words(element, "error-remedy")]).toEqual(["Not enough memory", "The GPU has no room for 'pocket'.", "Close other tabs."]);
  expect(events).toEqual(["loading", "loading pocket", "error out_of_memory"]);
  fails = false;
  button(element, "Try again").click();
  await app.advance(0);
  expect(element.getStatus().state).toBe("idle");
  expect(words(element, "error")).toBe("");
});

test("a start that fails can be tried again", async () => {
  const { src, app, breakWith, connections } = site();
  breakWith(new Error("404 for connect.js"));
  const { element, events } = widget(src);
  button(element, "Start").click();
  await app.advance(0);
  expect(element.getStatus()).toMatchObject({ state: "error", error: { code: "connect_failed", message: "404 for connect.js" } });
  expect(events.at(-1)).toBe("error connect_failed");
  breakWith(null);
  button(element, "Try again").click();
  await app.advance(0);
  await app.advance(1000);
  expect(connections()).toBe(2);
  expect(element.getStatus().state).toBe("idle");
});

test("Python that is gone is an error, and trying again connects anew", async () => {
  const { src, app, connections } = site();
  const { element } = widget(src, { "auto-load": "" });
  await app.advance(1000);
  app.crash(new Error("the worker stopped"));
  expect(element.getStatus()).toMatchObject({ state: "error", error: { code: "disconnected" } });
  expect(connections()).toBe(1);
  expect(buttons(element)).toContain("Try again");
});

test("a lost GPU is an error until something is loaded again", async () => {
  const { src, app } = site();
  const { element } = widget(src, { "auto-load": "" });
  await app.advance(1000);
  app.change((state) => ({ ...state, loaded: [], notices: [make("Notice", { id: "device-lost", at: 1, kind: "warning", text: "The GPU was lost." })] }));
  await app.advance(0);
  expect(element.getStatus()).toMatchObject({ state: "error", error: { code: "device_lost", message: "The GPU was lost." } });
  button(element, "Try again").click();
  await app.advance(1000);
  expect(element.getStatus().state).toBe("idle");
});

test("two widgets and the API share one connection and one model", async () => {
  const { src, app, api, connections } = site();
  const first = widget(src, { "auto-load": "" });
  const second = widget(src.slice(0, -1), { "auto-load": "" }); // without the slash at the end it is the same folder
  await app.advance(100);
  const ready = api.init({ model: "pocket" });
  await app.advance(1000);
  expect(await ready).toMatchObject({ state: "idle", model: "pocket" });
  expect(connections()).toBe(1);
  expect(app.calls.filter(({ action }) => action === "models.load")).toHaveLength(1);
  expect(first.events).toEqual(second.events);
  expect(second.element.getStatus()).toEqual(first.element.getStatus());
  expect(first.element.moduleApi).toBe(api);
  button(second.element, "Unload").click();
  await app.advance(0);
  expect(first.events.at(-1)).toBe("unloaded pocket");
});

test("removed in the middle of a load, the last widget cancels it and tells nothing more", async () => {
  const { src, app } = site();
  const first = widget(src, { model: "small", "auto-load": "" });
  const second = widget(src);
  await app.advance(300);
  first.element.remove();
  await app.advance(0);
  const told = first.events.length;
  expect(app.state.loading).not.toBeNull();
  expect(second.element.getStatus().state).toBe("loading");
  second.element.remove();
  const left = [first.details.length, second.details.length];
  await app.advance(5000);
  expect(app.state.loading).toBeNull();
  expect(app.state.loaded).toEqual([]);
  expect(app.clock.busy).toBe(false);
  expect([first.details.length, second.details.length]).toEqual(left);
  expect(first.events).toHaveLength(told);
  expect(vi.getTimerCount()).toBe(0);
});

test("a load that a call of the API waits for goes on without widgets", async () => {
  const { src, app, api } = site();
  const { element } = widget(src, { model: "small", "auto-load": "" });
  await app.advance(300);
  const loaded = api.switchModel("small");
  element.remove();
  await app.advance(5000);
  await loaded;
  expect(app.state.loaded.map(({ model }) => model)).toEqual(["small"]);
});

test("a call of the API that is aborted leaves the load to the widget", async () => {
  const { src, app, api } = site();
  widget(src, { model: "small", "auto-load": "" });
  await app.advance(300);
  const abort = new AbortController();
  const loaded = api.switchModel("small", { signal: abort.signal });
  abort.abort();
  await expect(loaded).rejects.toMatchObject({ code: "cancelled" });
  await app.advance(5000);
  expect(app.state.loaded.map(({ model }) => model)).toEqual(["small"]);
});

test("moved in the document in the middle of a load, it goes on", async () => {
  const { src, app } = site();
  const { element, events } = widget(src, { model: "small", "auto-load": "" });
  await app.advance(300);
  const other = document.createElement("div");
  document.body.append(other);
  other.append(element);
  await app.advance(5000);
  expect(events).toEqual(["loading small", "ready small"]);
  expect(element.getStatus().model).toBe("small");
  expect(app.calls.filter(({ action }) => action === "models.load")).toHaveLength(1);
});

test("put back later, it shows what is there, and loads again with auto-load", async () => {
  const { src, app } = site();
  const { element } = widget(src, { model: "small", "auto-load": "" });
  await app.advance(300);
  element.remove();
  await app.advance(1000);
  document.body.append(element);
  await app.advance(5000);
  expect(element.getStatus().model).toBe("small");
});

test("Cancel ends the load for the whole page, without an error", async () => {
  const { src, app } = site();
  const { element, events } = widget(src, { model: "small", "auto-load": "" });
  await app.advance(300);
  expect(buttons(element)).toEqual(["Cancel"]);
  button(element, "Cancel").click();
  await app.advance(1000);
  expect(app.state.loading).toBeNull();
  expect(element.getStatus().state).toBe("disabled");
  expect(events.filter((event) => event.startsWith("error"))).toEqual([]);
});

test("properties reflect attributes, and those set before the element is defined count", () => {
  const { src } = site();
  const { element } = widget(src);
  element.model = "small";
  element.autoLoad = true;
  expect([element.getAttribute("model"), element.hasAttribute("auto-load"), element.getAttribute("src")]).toEqual(["small", true, src]);
  element.setAttribute("model", "large");
  element.removeAttribute("auto-load");
  expect([element.model, element.autoLoad, element.src]).toEqual(["large", false, src]);
  element.model = "";
  expect(element.hasAttribute("model")).toBe(false);
  const early = document.createElement("local-llm-widget");
  Object.defineProperty(early, "model", { value: "large", configurable: true, writable: true, enumerable: true });
  early.setAttribute("src", src);
  document.body.append(early);
  expect(Object.hasOwn(early, "model")).toBe(false);
  expect(early.getAttribute("model")).toBe("large");
});

test("a changed model switches, a changed src shows the other site, auto-load that is added loads", async () => {
  const one = site();
  const two = site({ state: { ...sampleState() } });
  const { element, events } = widget(one.src);
  element.autoLoad = true;
  await one.app.advance(1000);
  expect(element.getStatus().model).toBe("pocket");
  element.model = "small";
  await one.app.advance(5000);
  expect(element.getStatus().model).toBe("small");
  element.autoLoad = false;
  element.src = two.src;
  await one.app.advance(0);
  expect(element.getStatus().state).toBe("disabled");
  const told = events.length;
  one.app.change((state) => ({ ...state, loaded: [] }));
  await one.app.advance(0);
  expect(events).toHaveLength(told);
  element.load();
  await two.app.advance(5000);
  expect(element.getStatus().model).toBe("small");
  expect(two.connections()).toBe(1);
});

test("a src on another server, or one that is no address, is an error with a remedy", async () => {
  const { element } = widget("https://elsewhere.example/llm/");
  element.load();
  await vi.waitFor(() => { expect(element.getStatus().state).toBe("error"); });
  expect(element.getStatus().error).toMatchObject({ code: "connect_failed", title: "The site is on another server" });
  const broken = widget("http://[");
  broken.element.load();
  await vi.waitFor(() => { expect(broken.element.getStatus().error?.code).toBe("connect_failed"); });
});

test("texts and the document's language are the page's", async () => {
  const { src, app } = site();
  document.documentElement.lang = "de";
  const { element } = widget(src, { model: "large" });
  element.texts = { start: "Starten", download: "Laden" };
  button(element, "Starten").click();
  await app.advance(100);
  expect(buttons(element)).toEqual(["Laden (2,3\u00a0GB)"]);
  document.documentElement.lang = "";
});
