// @vitest-environment happy-dom
/** The first screen, the line with the downloads, and what is shown when nothing can run. */

import { screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { FullPageProblem } from "../../../web/app/errors/full_page.tsx";
import { startProblem } from "../../../web/app/errors/start_problem.ts";
import { ActivityBar } from "../../../web/app/first_run/activity_bar.tsx";
import Welcome from "../../../web/app/first_run/welcome.tsx";
import { ModelManager } from "../../../web/app/models/model_manager.tsx";
import { ThisDevice } from "../../../web/app/settings/device.tsx";
import { en } from "../../../web/app/strings/en/index.ts";
import { make, show } from "./helpers.tsx";
import { completePage, deviceState, violations } from "./views.tsx";

beforeEach(completePage);

test("the recommended models are there with their sizes, their times and whether they fit", async () => {
  const { advance } = await show(<Welcome />, { state: deviceState(), on: { "models.estimate": () => 250 } });
  await advance();
  const [, smart, genius] = screen.getAllByRole("heading", { level: 3 }).map((heading) => heading.closest("li"));
  expect(smart?.textContent).toContain("2.3 GB to download · 3.1 GB of memory");
  expect(smart?.textContent).toContain("about 4 min on this connection");
  expect(smart?.textContent).toContain("Fits");
  expect(genius?.textContent).toContain("May be slow");
  expect(genius?.textContent).toContain("6 tokens/s");
  expect(screen.getByText(/So far 250 MB were downloaded/)).toBeDefined();
});

test("what comes with the app is not called a download that was chosen, and a size that is not known yet is not named", async () => {
  const { models, storage } = deviceState();
  const pocket = make("Model", { id: "pocket", name: "Pocket", bundled: true });
  const downloads = { pocket: make("Download", { model: "pocket", state: "running", receivedBytes: 1000 }) };
  await show(<Welcome />, { state: deviceState({ models: { ...models, pocket }, downloads, storage: { ...storage, usedBytes: storage.modelsBytes + 1352 } }) });
  expect(screen.queryByText(en.welcome.chosen)).toBeNull();
  expect(screen.getByText(en.welcome.chooseText)).toBeDefined();
  expect(screen.queryByText(/So far/)).toBeNull();
});

test("one click downloads a recommended model and chooses it; the chat begins meanwhile", async () => {
  const user = userEvent.setup();
  const { app, advance } = await show(<Welcome />, { state: deviceState(), pace: { downloadMs: 8000 } });
  await user.click(screen.getByRole("button", { name: "Download Qwen3 4B" }));
  await advance(2000);
  expect(app.state.settings.model).toBe("qwen3-4b");
  expect(app.state.downloads["qwen3-4b"]?.state).toBe("running");
  expect(screen.getByText("It is being downloaded. You can begin now.")).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Start chatting" }));
  await advance(2000);
  expect(app.state.settings.introduced).toBe(true);
  expect(location.hash).toBe("#/chat");
  expect(app.state.downloads["qwen3-4b"]?.receivedBytes).toBeGreaterThan(1e9);
});

test("a metered connection is told before the download", async () => {
  const { device } = deviceState();
  await show(<Welcome />, { state: deviceState({ device: device && { ...device, metered: true } }) });
  expect(screen.getByText(/downloads may cost money/)).toBeDefined();
});

test("when no engine runs and no cloud is set up, the whole screen says why and what to do", async () => {
  const problem = make("ErrorInfo", { code: "unavailable", title: "This browser has no WebGPU", message: "WebAssembly is too old here, too.", remedy: "Update the browser to version 113 or later.", actions: ["reload"] });
  const { device, engines } = deviceState();
  const state = deviceState({ device: device && { ...device, problem }, engines: engines.map((engine) => ({ ...engine, available: false })) });
  const user = userEvent.setup();
  await show(<Welcome />, { state });
  expect(document.activeElement).toBe(screen.getByRole("heading", { level: 1, name: "This browser has no WebGPU" }));
  expect(screen.getByText("Update the browser to version 113 or later.")).toBeDefined();
  expect(screen.queryByRole("button", { name: "Start chatting" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Use a cloud" }));
  expect(location.hash).toBe("#/settings/clouds");
});

test("the line with the downloads is there only while there are any, and leads to the model", async () => {
  const { app, advance } = await show(<ActivityBar />, { state: deviceState() });
  expect(screen.queryByRole("link")).toBeNull();
  const first = make("Download", { model: "phi-4", state: "running", receivedBytes: 0.63e9, totalBytes: 2.1e9, bytesPerS: 1e7, leftS: 147 });
  app.change((state) => ({ ...state, downloads: { "phi-4": first } }));
  await advance();
  expect(screen.getByRole("link").getAttribute("href")).toBe("#/models/phi-4");
  expect(screen.getByRole("link").textContent).toContain("Phi 4 Mini: 30% 2 min left");
  app.change((state) => ({ ...state, downloads: { "phi-4": first, "gemma-3-1b": make("Download", { model: "gemma-3-1b", state: "waiting", totalBytes: 0.6e9 }) } }));
  await advance();
  expect(screen.getByRole("link").textContent).toContain("2 downloads: 23%");
  expect(screen.getByRole("link").getAttribute("href")).toBe("#/models");
});

const refused = make("ErrorInfo", { code: "connect_failed", title: "The app did not start", message: "pyodide.asm.wasm could not be fetched", actions: ["retry", "reload"] });

test("a start that failed is told by what it was: the browser, the network, or Python", () => {
  const told = (surface: Parameters<typeof startProblem>[1], error = refused): readonly unknown[] => {
    const { title, message, actions } = startProblem(error, surface, en.problems);
    return [title, message, actions];
  };
  expect(told({ online: true, missing: ["WebAssembly SIMD"] })).toEqual(["This browser is too old", "It has no WebAssembly SIMD, which the app needs.", ["reload"]]);
  expect(told({ online: false, missing: [] })).toEqual(["You are offline", "The app is not kept on this device yet, and it cannot be fetched now.", ["retry"]]);
  expect(told({ online: true, missing: [] })[0]).toBe("Python could not start");
  expect(told({ online: true, missing: [] })[1]).toContain("pyodide.asm.wasm could not be fetched");
  // What Python says about itself is not told otherwise, whatever the network does.
  const own = make("ErrorInfo", { code: "device_lost", title: "The GPU was lost", message: "it went away" });
  expect(told({ online: false, missing: [] }, own)[0]).toBe("The GPU was lost");
});

test("a full-page problem has buttons for its ways out, and details for a report without what was written", async () => {
  const user = userEvent.setup();
  const retry = vi.fn();
  const { container } = await show(<FullPageProblem error={{ ...refused, data: { status: 503 } }} run={{ retry }} />);
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(retry).toHaveBeenCalledTimes(1);
  await user.click(screen.getByText("Details for a report"));
  expect(container.querySelector("pre")?.textContent).toContain('code: connect_failed\ndata: {"status":503}');
  expect(await violations(container)).toEqual([]);
});

test("axe finds nothing wrong with the first screen", async () => {
  const { container } = await show(<Welcome />, { state: deviceState() });
  expect(await violations(container)).toEqual([]);
  expect(within(container).getByRole("heading", { level: 1 }).textContent).toBe("A language model of your own");
});

test("why there is no GPU is said once in a visit; in the settings it stays", async () => {
  const { device } = deviceState();
  const problem = make("ErrorInfo", { code: "unavailable", title: "WebGPU is switched off", message: "m", data: { reason: "flag" } });
  const state = deviceState({ device: device && { ...device, problem } });
  const told = (): boolean => screen.queryByRole("group", { name: "WebGPU is switched off" }) !== null;
  for (const [view, expected] of [[<Welcome key="a" />, true], [<ModelManager key="b" />, false], [<Welcome key="c" />, false], [<ThisDevice key="d" />, true]] as const) {
    const { unmount } = await show(view, { state });
    expect(told()).toBe(expected);
    unmount();
  }
  const other = { ...problem, title: "The GPU was lost", data: { reason: "lost" } };
  await show(<ModelManager />, { state: deviceState({ device: device && { ...device, problem: other } }) });
  expect(screen.getByRole("group", { name: "The GPU was lost" })).toBeDefined();
});
