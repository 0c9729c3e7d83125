// @vitest-environment happy-dom
/** The hooks about models, storage and the device, and those made of them. */

import { act } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { useDevice, useModel, useModelManager, useModels, useStorage, useWebLLM } from "@browserllm/react";
import { make, sampleState, scriptedError } from "@browserllm/react/testing";
import { failOnComplaints, renderOver, texts } from "./helpers.tsx";

failOnComplaints();

describe("useModels", () => {
  test("a download goes from waiting to downloaded, and can be paused, resumed and cancelled", async () => {
    const { result, run, advance } = await renderOver(() => useModels());
    expect(result.current.downloaded.map(({ id }) => id)).toEqual(["pocket"]);
    expect(await run(() => result.current.download("small"))).toBe(true);
    await advance(500);
    expect(result.current.downloads["small"]).toMatchObject({ state: "running", receivedBytes: 2e8, totalBytes: 4e8 });
    expect(await run(() => result.current.pause("small"))).toBe(true);
    await advance(1000);
    expect(result.current.downloads["small"]).toMatchObject({ state: "paused", receivedBytes: 2e8 });
    expect(await run(() => result.current.resume("small"))).toBe(true);
    await advance(600);
    expect(result.current.downloads).toEqual({});
    expect(result.current.downloaded.map(({ id }) => id)).toEqual(["pocket", "small"]);
    await run(() => result.current.download("large"));
    expect(await run(() => result.current.cancel("large", { deleteParts: true }))).toBe(true);
    expect(result.current.downloads).toEqual({});
    expect(await run(() => result.current.delete("*"))).toBe(4e8);
    expect(result.current.downloaded.map(({ id }) => id)).toEqual(["pocket"]);
  });

  test("a load downloads what is missing, and can be given up", async () => {
    const { result, run, advance } = await renderOver(() => useModels());
    const abort = new AbortController();
    let loading: Promise<boolean> = Promise.resolve(true);
    await run(() => { loading = result.current.load("small", { engine: "webllm", signal: abort.signal }); });
    await advance(1100);
    expect(result.current.loading).toMatchObject({ model: "small", phase: "loading", fraction: 0.5 });
    await run(() => { abort.abort(); });
    expect(await loading).toBe(false);
    expect(result.current).toMatchObject({ loading: null, error: undefined, loaded: [{ model: "pocket" }] });
    await run(() => { loading = result.current.load("small"); });
    await advance(1000);
    expect(await loading).toBe(true);
    expect(result.current.loaded.map(({ model }) => model)).toEqual(["small"]);
    await run(() => result.current.unload());
    expect(result.current.loaded).toEqual([]);
  });

  test("what fails is the error, until the next call or clearError", async () => {
    const full = (): never => { throw scriptedError({ code: "quota_exceeded", actions: ["free_space"] }); };
    const { result, run } = await renderOver(() => useModels(), { on: { "models.download": full } });
    expect(await run(() => result.current.download("small"))).toBe(false);
    expect(result.current.error).toMatchObject({ code: "quota_exceeded", actions: ["free_space"] });
    expect(await run(() => result.current.refresh())).toBe(true);
    expect(result.current.error).toBeUndefined();
    expect(await run(() => result.current.estimate("gone"))).toBeNull();
    expect(result.current.error?.code).toBe("model_not_found");
    act(() => { result.current.clearError(); });
    expect(result.current.error).toBeUndefined();
    expect(await run(() => result.current.estimate("small"))).toBe(40);
    expect(await run(() => result.current.add("https://models.example/mine"))).toBe("mine");
    expect(result.current.models.map(({ id }) => id)).toContain("mine");
  });

  test("functions and lists stay the same until something about models changes", async () => {
    const { result, run, renders, client } = await renderOver(() => useModels());
    const before = result.current;
    renders();
    await run(() => { client.app.change((state) => ({ ...state, totals: { ...state.totals, answers: 1 }, threads: {} })); });
    expect(renders()).toBe(0);
    await run(() => result.current.unload("pocket"));
    expect(renders()).toBe(1);
    expect(result.current.models).toBe(before.models);
    expect(result.current.load).toBe(before.load);
  });
});

describe("useModel", () => {
  test("it follows one model through all of its states", async () => {
    const { result, run, advance } = await renderOver(() => useModel("small"));
    const seen: [string, number | null][] = [];
    const look = (): void => { seen.push([result.current.status, result.current.progress]); };
    look();
    await run(() => result.current.download());
    await advance(250);
    look();
    await run(() => result.current.pause());
    look();
    await run(() => result.current.resume());
    await advance(1000);
    look();
    await run(() => { void result.current.load(); });
    await advance(50);
    look();
    await advance(500);
    look();
    await run(() => result.current.unload());
    look();
    expect(await run(() => result.current.delete())).toBe(4e8);
    look();
    expect(seen).toEqual([
      ["available", null],
      ["downloading", 0.25],
      ["paused", 0.25],
      ["downloaded", null],
      ["loading", 0.25],
      ["loaded", null],
      ["downloaded", null],
      ["available", null],
    ]);
    expect(await run(() => result.current.estimate())).toBe(40);
    await run(() => result.current.download());
    await run(() => result.current.cancel());
    expect(result.current.status).toBe("available");
  });

  test("other models render nothing, and functions change with the id alone", async () => {
    const { result, run, advance, rerender, renders } = await renderOver(({ id }: { id: string }) => [useModel(id), useModels().download] as const, { props: { id: "small" } });
    const { load } = result.current[0];
    rerender({ id: "small" });
    expect(result.current[0].load).toBe(load);
    rerender({ id: "gone" });
    expect(result.current[0]).toMatchObject({ status: "unknown", model: null });
    expect(result.current[0].load).not.toBe(load);
    const single = await renderOver(() => useModel("small"));
    single.renders();
    await single.run(() => single.client.call("models.download", { model: "large" }));
    await single.advance(600);
    expect(single.renders()).toBe(0);
    renders();
    await run(() => undefined);
    await advance(0);
  });

  test("a failed download has an error", async () => {
    const download = make("Download", { model: "small", state: "failed", error: make("ErrorInfo", { code: "download_interrupted", title: "", message: "offline" }) });
    const { result } = await renderOver(() => useModel("small"), { state: { downloads: { small: download } } });
    expect(result.current).toMatchObject({ status: "failed", error: { code: "download_interrupted", message: "offline" } });
  });
});

test("useStorage shows what is stored, and frees it", async () => {
  const storage = make("StorageInfo", { usedBytes: 5e9, quotaBytes: 10e9, reclaimableBytes: 1e9, persisted: false });
  const { result, run, advance } = await renderOver(() => useStorage(), { state: { storage } });
  expect(result.current).toMatchObject({ fraction: 0.5, persisted: false, reclaimableBytes: 1e9, models: [] });
  expect(await run(() => result.current.persist())).toBe(true);
  expect(result.current.persisted).toBe(true);
  expect(await run(() => result.current.clean())).toBe(1e9);
  await run(() => result.current.refresh());
  const manager = await renderOver(() => useStorage());
  await manager.run(() => manager.client.call("models.download", { model: "small" }));
  await manager.advance(1100);
  expect(manager.result.current.models).toMatchObject([{ model: "small", sizeBytes: 4e8 }]);
  expect(await manager.run(() => manager.result.current.deleteModel("small"))).toBe(4e8);
  expect(manager.result.current.models).toEqual([]);
  await advance(0);
  const unknown = await renderOver(() => useStorage(), { state: { storage: make("StorageInfo", {}) } });
  expect(unknown.result.current.fraction).toBeNull();
});

test("useDevice shows the device, and what is wrong with it", async () => {
  const { result, run, client } = await renderOver(() => useDevice());
  expect(result.current).toMatchObject({ gpu: { name: "Scripted GPU" }, online: true, problem: null, engines: [{ name: "webllm" }] });
  const problem = make("ErrorInfo", { code: "unavailable", title: "No WebGPU", message: "WebGPU is off", remedy: "Set the flag." });
  await run(() => { client.app.change((state) => ({ ...state, device: make("Device", { problem, online: false }) })); });
  expect(result.current).toMatchObject({ gpu: null, online: false, problem: { name: "BrowserLLMError", remedy: "Set the flag." } });
  expect(await run(() => result.current.refresh())).toBe(true);
  await run(() => { client.app.change((state) => ({ ...state, device: null })); });
  expect(result.current).toMatchObject({ device: null, online: true, problem: null });
});

describe("useModelManager", () => {
  test("it says which download can begin, and why another cannot", async () => {
    const { result, run, client } = await renderOver(() => useModelManager());
    expect(["small", "large", "pocket", "gone"].map((id) => result.current.canDownload(id))).toEqual([true, true, false, false]);
    expect(result.current.whyNot("pocket")).toBe("It is downloaded already.");
    expect(result.current.whyNot("gone")).toBe("There is no such model.");
    await run(() => { client.app.change((state) => ({ ...state, storage: { ...state.storage, usedBytes: 9e9 } })); });
    expect(result.current.whyNot("small")).toBeNull();
    expect(result.current.whyNot("large")).toBe("It needs 2.3 GB, and 1.0 GB are free.");
    await run(() => { client.app.change((state) => ({ ...state, models: { ...state.models, large: { ...(state.models["large"] ?? make("Model", { id: "large", name: "Large 4B" })), fit: "no", reasons: ["It needs 3 GB of GPU memory."] } } })); });
    expect(result.current.whyNot("large")).toBe("It needs 3 GB of GPU memory.");
    await run(() => { client.app.change((state) => ({ ...state, device: make("Device", { online: false }) })); });
    expect(result.current.whyNot("small")).toBe("The browser is offline.");
    expect(result.current.storage.fraction).toBe(0.9);
    expect(await run(() => result.current.download("small"))).toBe(true);
  });
});

describe("useWebLLM", () => {
  test("it is a chat and its model in one", async () => {
    const { result, run, advance, client } = await renderOver(() => useWebLLM({ model: "small" }));
    expect(result.current).toMatchObject({ modelId: "small", modelStatus: "available", isModelLoaded: false, isModelLoading: false });
    await run(() => { void result.current.load(); });
    await advance(500);
    expect(result.current).toMatchObject({ isModelLoading: true, progress: 0.5, progressText: "Small 0.6B: downloading" });
    await run(() => result.current.sendMessage("Hello"));
    expect(texts(result.current.queue)).toEqual(["Hello"]);
    await advance(2000);
    expect(result.current).toMatchObject({ isModelLoaded: true, status: "ready", progress: null });
    expect(texts(result.current.messages)[0]).toBe("Hello");
    expect(client.app.calls.find(({ action }) => action === "conversations.create")?.args).toMatchObject({ settings: { model: "small" } });
    expect(result.current.storage.models).toMatchObject([{ model: "small" }]);
    await run(() => result.current.unload());
    expect(result.current.modelStatus).toBe("downloaded");
  });

  test("without a model it is about the one in use, or that of the settings", async () => {
    const { result, run, client } = await renderOver(() => useWebLLM());
    expect(result.current.modelId).toBe("pocket");
    await run(() => { client.app.change((state) => ({ ...state, loaded: [], settings: { ...state.settings, model: "large" } })); });
    expect(result.current.modelId).toBe("large");
    await run(() => result.current.download());
    expect(result.current.modelStatus).toBe("downloading");
    const empty = await renderOver(() => useWebLLM(), { state: { ...sampleState(), loaded: [], models: {} } });
    expect(empty.result.current).toMatchObject({ modelId: "", modelStatus: "unknown", model: null });
  });
});
