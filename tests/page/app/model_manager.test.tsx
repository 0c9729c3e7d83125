// @vitest-environment happy-dom
/** The model manager: from the catalog to the memory, and back. */

import { fireEvent, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { type JSX, useState } from "react";
import { beforeEach, expect, test } from "vitest";
import { ModelManager } from "../../../web/app/models/model_manager.tsx";
import { scriptedError, type ScriptedOptions } from "../../../web/react/src/testing.ts";
import { make, show, type Shown } from "./helpers.tsx";
import { completePage, deviceState, violations } from "./views.tsx";

beforeEach(completePage);

const manager = (options: ScriptedOptions = {}): Promise<Shown> => show(<ModelManager />, { state: deviceState(), ...options });

/** The line of a model in the list. */
const row = (name: string): HTMLElement => screen.getByRole("listitem", { name });

test("a model is downloaded with its progress, paused, resumed and loaded", async () => {
  const user = userEvent.setup();
  const { app, advance, callsOf } = await manager({ pace: { downloadMs: 4000 } });
  await user.click(within(row("SmolVLM 256M Instruct")).getByRole("button", { name: "Download SmolVLM 256M Instruct" }));
  await advance(2000);
  expect(row("SmolVLM 256M Instruct").textContent).toContain("Downloading · 125 MB of 250 MB · 62.5 MB/s · 2 sec left");
  expect(within(row("SmolVLM 256M Instruct")).getByRole("progressbar", { name: "SmolVLM 256M Instruct: 50% downloaded" })).toBeDefined();

  await user.click(within(row("SmolVLM 256M Instruct")).getByRole("button", { name: "Pause the download of SmolVLM 256M Instruct" }));
  await advance(4000);
  expect(row("SmolVLM 256M Instruct").textContent).toContain("Paused · 125 MB of 250 MB");

  await user.click(within(row("SmolVLM 256M Instruct")).getByRole("button", { name: "Resume the download of SmolVLM 256M Instruct" }));
  await advance(4000);
  expect(app.state.models["smolvlm"]?.downloaded).toBe(true);
  expect(within(row("SmolVLM 256M Instruct")).queryByRole("progressbar")).toBeNull();

  await user.click(within(row("SmolVLM 256M Instruct")).getByRole("button", { name: "Load SmolVLM 256M Instruct into memory" }));
  await advance(1000);
  expect(callsOf("models.load")).toEqual([{ model: "smolvlm", engine: null, device: null }]);
  await user.click(within(row("SmolVLM 256M Instruct")).getByRole("button", { name: "Take SmolVLM 256M Instruct out of memory" }));
  await advance();
  expect(app.state.loaded).toEqual([]);
});

test("the list is by family, each model with its plain name; a search leaves fewer of them", async () => {
  const user = userEvent.setup();
  await manager();
  const families = (): (string | null)[] => screen.queryAllByRole("heading", { level: 3 }).filter((heading) => heading.className === "family-name").map((heading) => heading.textContent);
  expect(families()).toEqual(["On this device 4", "Qwen 2", "Llama 2", "Other families 4"]);
  expect(within(screen.getByRole("list", { name: "Qwen" })).getAllByRole("heading", { level: 4 }).map((heading) => heading.textContent)).toEqual(["Qwen3 4B", "Qwen3 8B"]);
  await user.type(screen.getByRole("textbox", { name: "Search models" }), "qwen3 4b");
  expect(families()).toEqual([]);
  expect(row("Qwen3 4B")).toBeDefined();
});

test("a download that has just begun says so: no other one is ahead of it", async () => {
  await manager({ state: deviceState({ downloads: { "phi-4": make("Download", { model: "phi-4", state: "waiting" }) } }) });
  expect(row("Phi 4 Mini").textContent).toContain("Starting");
});

test("several downloads go on at once, each with its own buttons", async () => {
  const user = userEvent.setup();
  const { app, advance } = await manager({ pace: { downloadMs: 4000 } });
  for (const name of ["Phi 4 Mini", "Gemma 3 1B"]) await user.click(within(row(name)).getByRole("button", { name: `Download ${name}` }));
  await advance(1000);
  await user.click(screen.getByRole("button", { name: "Pause the download of Phi 4 Mini" }));
  await advance(1000);
  expect(app.state.downloads["phi-4"]?.state).toBe("paused");
  expect(app.state.downloads["gemma-3-1b"]?.receivedBytes).toBe(0.3e9);
});

test("a cancelled download asks what to do with the bytes that have arrived", async () => {
  const user = userEvent.setup();
  const { advance, callsOf } = await manager({ pace: { downloadMs: 4000 } });
  await user.click(screen.getByRole("button", { name: "Download Phi 4 Mini" }));
  await advance(2000);
  await user.click(screen.getByRole("button", { name: "Cancel the download of Phi 4 Mini" }));
  expect(screen.getByRole("dialog").textContent).toContain("1.1 GB have arrived");
  expect(callsOf("models.cancel")).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Cancel and keep" }));
  await advance();
  expect(callsOf("models.cancel")).toEqual([{ model: "phi-4", delete: false }]);
});

test("a download that failed says why and can be tried again", async () => {
  const user = userEvent.setup();
  const error = make("ErrorInfo", { code: "download_interrupted", title: "The download was interrupted", message: "the server closed the connection", remedy: "Try again.", actions: ["retry"] });
  const state = deviceState({ downloads: { "phi-4": make("Download", { model: "phi-4", state: "failed", receivedBytes: 1e9, totalBytes: 2.1e9, error }) } });
  const { callsOf } = await manager({ state });
  expect(row("Phi 4 Mini").textContent).toContain("The server closed the connection");
  await user.click(within(row("Phi 4 Mini")).getByRole("button", { name: "Try again" }));
  expect(callsOf("models.download")).toEqual([{ model: "phi-4" }]);
});

test("the time that a download would take is shown before it begins, and said to be unknown where it is", async () => {
  const { advance } = await manager({ on: { "models.estimate": ({ model }) => (model === "phi-4" ? null : 250) } });
  await advance();
  expect(row("Gemma 3 1B").textContent).toContain("about 4 min on this connection");
  expect(row("Phi 4 Mini").textContent).toContain("time not known");
  expect(row("Qwen3 1.7B").textContent).not.toContain("connection");
});

test("a model that does not fit says why and offers no download", async () => {
  await manager();
  expect(row("Llama 3.1 8B Instruct").textContent).toContain("It needs about 9.1 GB of graphics memory");
  expect(within(row("Llama 3.1 8B Instruct")).queryByRole("button", { name: /Download|Load/ })).toBeNull();
});

test("the details have the licence, the reasons, and a way to load each build", async () => {
  const user = userEvent.setup();
  const { callsOf, advance } = await manager();
  await user.click(screen.getByRole("button", { name: "Details of Qwen3 0.6B" }));
  const model = within(row("Qwen3 0.6B"));
  expect(model.getByRole("link", { name: "Apache-2.0" }).getAttribute("href")).toBe("https://www.apache.org/licenses/LICENSE-2.0");
  // One of the two builds for WebLLM on the GPU can be chosen: an action names engine and device only.
  expect(model.getAllByRole("row")).toHaveLength(5);
  expect(model.getAllByRole("button", { name: /^Load with/ })).toHaveLength(3);
  await user.click(model.getByRole("button", { name: "Load with transformersjs on CPU" }));
  await advance();
  expect(callsOf("models.load")).toEqual([{ model: "qwen3-0.6b", engine: "transformersjs", device: "wasm" }]);
});

test("a load goes on when the view is left, and can be stopped when it is opened again", async () => {
  const user = userEvent.setup();
  const { advance, app } = await show(<Left />, { state: deviceState() });
  await user.click(screen.getByRole("button", { name: "Load Qwen3 0.6B into memory" }));
  await advance(50);
  await user.click(screen.getByRole("button", { name: "leave or return" }));
  expect(app.state.loading?.model).toBe("qwen3-0.6b");
  await user.click(screen.getByRole("button", { name: "leave or return" }));
  await user.click(screen.getByRole("button", { name: "Stop loading: Qwen3 0.6B" }));
  await advance(1000);
  expect(app.state.loading).toBeNull();
  expect(app.state.loaded.map(({ model }) => model)).toEqual(["qwen3-1.7b"]);
  expect(within(row("Qwen3 0.6B")).getByRole("button", { name: "Load Qwen3 0.6B into memory" })).toBeDefined();
});

/** The manager, as a view that can be left. */
function Left(): JSX.Element {
  const [left, setLeft] = useState(false);
  return (
    <>
      <button type="button" onClick={() => { setLeft(!left); }}>
        leave or return
      </button>
      {!left && <ModelManager />}
    </>
  );
}

test("a load that failed says why in its line, and can be tried again", async () => {
  const user = userEvent.setup();
  let attempts = 0;
  const { advance } = await manager({
    on: {
      "models.load": () => {
        attempts += 1;
        throw scriptedError({ code: "out_of_memory", title: "Not enough memory", message: "the GPU has 2 GB", remedy: "Close other tabs.", actions: ["retry", "smaller_model"] });
      },
    },
  });
  await user.click(screen.getByRole("button", { name: "Load Qwen3 0.6B into memory" }));
  await advance();
  expect(row("Qwen3 0.6B").textContent).toContain("Not enough memory");
  expect(row("Qwen3 0.6B").textContent).toContain("Close other tabs.");
  await user.click(within(row("Qwen3 0.6B")).getByRole("button", { name: "Try again" }));
  await advance();
  expect(attempts).toBe(2);
});

test("deleting a model asks first and says how much that frees", async () => {
  const user = userEvent.setup();
  const { app, advance } = await manager();
  await user.click(screen.getByRole("button", { name: "Details of Qwen3 0.6B" }));
  await user.click(within(row("Qwen3 0.6B")).getByRole("button", { name: "Delete Qwen3 0.6B" }));
  expect(screen.getByRole("dialog").textContent).toContain("This frees 350 MB");
  expect(app.state.models["qwen3-0.6b"]?.downloaded).toBe(true);
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
  await advance();
  expect(app.state.models["qwen3-0.6b"]?.downloaded).toBe(false);
});

test("all models are deleted only after a question with their number and size", async () => {
  const user = userEvent.setup();
  const { callsOf, advance } = await manager();
  await user.click(screen.getByText("What could go"));
  await user.click(screen.getByRole("button", { name: "Delete all models" }));
  expect(screen.getByRole("dialog").textContent).toContain("3 downloaded models will be deleted, which frees 1.9 GB");
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Cancel" }));
  expect(callsOf("models.delete")).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Delete all models" }));
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete all models" }));
  await advance();
  expect(callsOf("models.delete")).toEqual([{ model: "*" }]);
});

test("the storage meter says what is used, what can go, and asks the browser to keep it", async () => {
  const user = userEvent.setup();
  const { app, advance } = await manager({ on: { "storage.persist": () => false } });
  expect(screen.getByRole("meter", { name: "Storage" }).getAttribute("aria-valuetext")).toBe("2.1 GB of 12 GB used");
  await user.click(screen.getByRole("button", { name: "Clean up 200 MB" }));
  await advance();
  expect(app.state.storage.reclaimableBytes).toBe(0);
  expect(screen.queryByRole("button", { name: /Clean up/ })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Keep it" }));
  await advance();
  expect(screen.getByText(/The browser did not agree/)).toBeDefined();
});

test("a budget that the models exceed is told", async () => {
  await manager({ state: deviceState({ settings: { ...deviceState().settings, storageBudgetBytes: 1e9 } }) });
  expect(screen.getByText(/The models take 1.9 GB, over your budget of 1 GB/)).toBeDefined();
});

test("searching and filtering say how many models are left, and offer the way back", async () => {
  const user = userEvent.setup();
  await manager();
  await user.type(screen.getByRole("textbox", { name: "Search models" }), "qwen");
  expect(screen.getByText("4 of 12 models")).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Sees images" }));
  expect(screen.getByText(/No model matches/)).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Show all models" }));
  expect(screen.getByText("12 models")).toBeDefined();
});

test("a model from an address is checked before it is sent, and a refusal stays in the dialog", async () => {
  const user = userEvent.setup();
  const { callsOf, advance } = await manager({
    on: {
      "models.add": () => {
        throw scriptedError({ code: "load_failed", title: "The model could not be loaded", message: "config.json is missing in https://example.org/m" });
      },
    },
  });
  await user.click(screen.getByRole("button", { name: "Add a model" }));
  const dialog = within(screen.getByRole("dialog"));
  await user.type(dialog.getByRole("textbox", { name: "Address of the model's folder" }), "example.org/m");
  await user.click(dialog.getByRole("button", { name: "Add a model" }));
  expect(dialog.getByText(/Enter an address that begins with/)).toBeDefined();
  expect(callsOf("models.add")).toEqual([]);

  fireEvent.change(dialog.getByRole("textbox", { name: "Address of the model's folder" }), { target: { value: " https://example.org/m " } });
  await user.type(dialog.getByRole("textbox", { name: "Name in the list" }), "qwen3-4b");
  await user.click(dialog.getByRole("button", { name: "Add a model" }));
  expect(dialog.getByText(/There is a model called “qwen3-4b” already/)).toBeDefined();

  await user.type(dialog.getByRole("textbox", { name: "Name in the list" }), "-mine");
  await user.click(dialog.getByRole("button", { name: "Add a model" }));
  await advance();
  expect(dialog.getByText("The model was not added")).toBeDefined();
  expect(callsOf("models.add")).toEqual([{ source: "https://example.org/m", id: "qwen3-4b-mine" }]);
  expect(dialog.getByText(/Config.json is missing/)).toBeDefined();
});

test("a folder is imported, and the dialog closes when that has worked", async () => {
  const user = userEvent.setup();
  const { app, callsOf, advance } = await manager();
  await user.click(screen.getByRole("button", { name: "Add a model" }));
  await user.click(screen.getByRole("button", { name: "Choose a folder" }));
  await advance();
  expect(callsOf("models.add")).toEqual([{ source: null, id: null }]);
  expect(app.state.models["folder"]?.custom).toBe(true);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("offline and metered connections are told before anything is downloaded", async () => {
  const device = deviceState().device;
  if (!device) throw new Error("the made-up state has a device");
  await manager({ state: deviceState({ device: { ...device, online: false } }) });
  expect(screen.getByText(/nothing can be downloaded now/)).toBeDefined();
});

test("a screen reader hears a download at its quarters, not at every change", async () => {
  const user = userEvent.setup();
  const { app, advance } = await manager({ pace: { downloadMs: 4000 } });
  await user.click(screen.getByRole("button", { name: "Download Phi 4 Mini" }));
  await advance(1000);
  const status = within(row("Phi 4 Mini")).getByRole("status");
  expect(status.textContent).toBe("Phi 4 Mini: 25% downloaded");
  app.change((state) => ({ ...state, downloads: { "phi-4": { ...(state.downloads["phi-4"] ?? make("Download", { model: "phi-4", state: "running" })), receivedBytes: 0.6e9 } } }));
  await advance();
  expect(row("Phi 4 Mini").textContent).toContain("600 MB of 2.1 GB");
  expect(status.textContent).toBe("Phi 4 Mini: 25% downloaded");
});

test("axe finds nothing wrong with the manager and an open model", async () => {
  const user = userEvent.setup();
  const { container } = await manager();
  await user.click(screen.getByRole("button", { name: "Details of Qwen3 0.6B" }));
  await user.click(screen.getByText("What could go"));
  expect(await violations(container)).toEqual([]);
});
