// @vitest-environment happy-dom
/** The settings: each is kept at once, and what is not accepted goes back. */

import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import Settings from "../../../web/app/settings/settings.tsx";
import { de } from "../../../web/app/strings/de/index.ts";
import { LanguageContext } from "../../../web/app/strings/index.ts";
import { scriptedError, type ScriptedOptions } from "../../../web/react/src/testing.ts";
import { make, show, type Shown } from "./helpers.tsx";
import { completePage, deviceState, violations } from "./views.tsx";

beforeEach(completePage);

const section = (id: string, options: ScriptedOptions = {}): Promise<Shown> => show(<Settings id={id} />, { state: deviceState(), ...options });

const cloud = make("Cloud", { id: "c", vendor: "openai", model: "gpt-5-mini", label: "My cloud", key: "memory" });

test("a choice shows at once, and Python is told", async () => {
  const user = userEvent.setup();
  const { app, advance, callsOf } = await section("general");
  await user.selectOptions(screen.getByRole("combobox", { name: "Appearance" }), "dark");
  await user.click(screen.getByRole("switch", { name: "Enter sends the message" }));
  await user.selectOptions(screen.getByRole("combobox", { name: "Language" }), "de");
  await advance();
  expect(callsOf("settings.update")).toEqual([{ changes: { theme: "dark" } }, { changes: { enterSends: false } }, { changes: { language: "de" } }]);
  expect(app.state.settings.theme).toBe("dark");
  expect(screen.getByRole<HTMLInputElement>("switch", { name: "Enter sends the message" }).checked).toBe(false);
});

test("the examples are offered where this page has its own Python, which they need, too", async () => {
  const link = { name: "Examples to try and to copy from" };
  const { app, advance } = await section("general");
  expect(screen.getByRole("link", link).getAttribute("href")).toBe("./examples/");
  app.change((state) => ({ ...state, python: "process" }));
  await advance();
  expect(screen.queryByRole("link", link)).toBeNull();
});

test("what is said of settings and keys is true of the place that keeps them", async () => {
  const user = userEvent.setup();
  const inProcess = { state: { ...deviceState(), python: "process" as const, clouds: { c: cloud } } };
  await section("general", inProcess);
  expect(screen.getByText("Python keeps the settings in your data folder.")).toBeDefined();
  cleanup();
  await section("clouds", inProcess);
  expect(screen.getByText("key until Python ends")).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Add a cloud" }));
  expect(screen.getByText("The key is in the memory of the Python process only, and gone when that ends.")).toBeDefined();
  await user.click(screen.getByRole("switch", { name: "Keep the key in your data folder" }));
  expect(screen.getByText(/^The key is written into your data folder/)).toBeDefined();
  expect(document.body.textContent).not.toMatch(/in this browser|page is closed/);
});

test("the engine of the browser's own model has a name in each language", async () => {
  const engines = [make("Engine", { name: "prompt-api", label: "The browser's own model", available: true, reason: null }), make("Engine", { name: "webllm", label: "WebLLM", available: true, reason: null })];
  await show(<LanguageContext value={{ code: "de", strings: de }}><Settings id="device" /></LanguageContext>, { state: deviceState({ engines }) });
  expect([...document.querySelectorAll(".engines strong")].map((name) => name.textContent)).toEqual(["Das Modell des Browsers", "WebLLM"]);
});

test("a choice that Python does not accept goes back, with the reason", async () => {
  const user = userEvent.setup();
  const { advance } = await section("general", {
    on: {
      "settings.update": () => {
        throw scriptedError({ code: "quota_exceeded", title: "The browser's storage is full", message: "the setting could not be written" });
      },
    },
  });
  await user.click(screen.getByRole("switch", { name: "Reduce motion" }));
  await advance();
  expect(screen.getByRole<HTMLInputElement>("switch", { name: "Reduce motion" }).checked).toBe(false);
  expect(screen.getByText(/The setting could not be written/)).toBeDefined();
});

test("“Never leave this device” takes the effect from the routing, and says so", async () => {
  const user = userEvent.setup();
  const { app, advance } = await section("privacy");
  expect(screen.getByRole<HTMLFieldSetElement>("group", { name: "What may answer" }).disabled).toBe(true);
  await user.click(screen.getByRole("switch", { name: "Never leave this device" }));
  await advance();
  expect(app.state.settings.neverLeaveDevice).toBe(false);
  await user.click(screen.getByRole("radio", { name: "Only this device" }));
  await advance();
  expect(app.state.settings.mode).toBe("local");
  expect(screen.getByRole<HTMLFieldSetElement>("group", { name: "Which comes first" }).disabled).toBe(true);
  await user.click(screen.getByRole("radio", { name: "This device and clouds" }));
  await advance();
  await user.click(screen.getByRole("radio", { name: "The cheapest" }));
  await advance();
  expect(app.state.settings).toMatchObject({ mode: "auto", policy: "least_cost" });
});

test("the model for new conversations is one of this device, a recommended one, or a cloud", async () => {
  const user = userEvent.setup();
  const { app, advance } = await section("privacy", { state: deviceState({ clouds: { c: cloud } }) });
  const select = screen.getByRole("combobox", { name: "Model for new conversations" });
  const offered = within(select).getAllByRole<HTMLOptionElement>("option").map((option) => option.value);
  expect(offered).toContain("qwen3-4b");
  expect(offered).not.toContain("llama-3.1-8b");
  await user.selectOptions(select, "cloud:c");
  await advance();
  expect(app.state.settings.model).toBe("cloud:c");
});

test("a key is kept in memory unless it is asked to be kept, and is never shown again", async () => {
  const user = userEvent.setup();
  const { callsOf, advance, container } = await section("clouds");
  await user.click(screen.getByRole("button", { name: "Add a cloud" }));
  const dialog = within(screen.getByRole("dialog"));
  const key = dialog.getByLabelText<HTMLInputElement>("API key");
  expect(key.type).toBe("password");
  await user.type(dialog.getByLabelText("Model"), "gpt-5-mini");
  await user.type(key, "sk-secret");
  expect(dialog.getByText("The key is in memory only, and gone when this page is closed.")).toBeDefined();
  await user.click(dialog.getByRole("button", { name: "Save" }));
  await advance();
  expect(callsOf("clouds.save")).toEqual([
    { id: null, vendor: "openai", model: "gpt-5-mini", label: null, baseUrl: null, apiKey: "sk-secret", keepKey: false, enabled: true },
  ]);
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.getByText("key until the page is closed")).toBeDefined();
  expect(container.innerHTML).not.toContain("sk-secret");
  await user.click(screen.getByRole("button", { name: "Change gpt-5-mini" }));
  expect(screen.getByLabelText<HTMLInputElement>("API key").value).toBe("");
});

test("asking to keep the key says where it is written", async () => {
  const user = userEvent.setup();
  const { callsOf, advance } = await section("clouds");
  await user.click(screen.getByRole("button", { name: "Add a cloud" }));
  await user.type(screen.getByLabelText("Model"), "m");
  await user.type(screen.getByLabelText("API key"), "k");
  await user.click(screen.getByRole("switch", { name: "Keep the key in this browser" }));
  expect(screen.getByText(/written into this site's storage in this browser, unencrypted/)).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await advance();
  expect(callsOf("clouds.save")).toMatchObject([{ keepKey: true }]);
});

test("changing a cloud without a new key leaves the key as it is", async () => {
  const user = userEvent.setup();
  const { app, advance, callsOf } = await section("clouds", { state: deviceState({ clouds: { c: { ...cloud, key: "device" } } }) });
  await user.click(screen.getByRole("button", { name: "Change My cloud" }));
  await user.type(screen.getByLabelText("Name in this app"), "!");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await advance();
  expect(callsOf("clouds.save")).toMatchObject([{ id: "c", apiKey: null, label: "My cloud!" }]);
  expect(app.state.clouds["c"]?.key).toBe("device");
});

test("a server of one's own needs an address, and it must be one", async () => {
  const user = userEvent.setup();
  const { callsOf, advance } = await section("clouds");
  await user.click(screen.getByRole("button", { name: "Add a cloud" }));
  await user.selectOptions(screen.getByRole("combobox", { name: "Provider" }), "compatible");
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(screen.getByText("Enter the name of a model.")).toBeDefined();
  expect(screen.getByText(/Enter the address of the server/)).toBeDefined();
  await user.type(screen.getByLabelText("Model"), "m");
  fireEvent.change(screen.getByLabelText("Address"), { target: { value: "ftp://host" } });
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(screen.getByText(/begins with https/)).toBeDefined();
  expect(callsOf("clouds.save")).toEqual([]);
  fireEvent.change(screen.getByLabelText("Address"), { target: { value: "http://127.0.0.1:8080/v1" } });
  await user.click(screen.getByRole("button", { name: "Save" }));
  await advance();
  expect(callsOf("clouds.save")).toHaveLength(1);
});

test("what Python refuses stays in the form, with everything that was entered", async () => {
  const user = userEvent.setup();
  const { advance } = await section("clouds", {
    on: {
      "clouds.save": () => {
        throw scriptedError({ code: "invalid_request", message: "the label has 120 characters, over the limit of 100" });
      },
    },
  });
  await user.click(screen.getByRole("button", { name: "Add a cloud" }));
  await user.type(screen.getByLabelText("Model"), "m");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await advance();
  expect(screen.getByText(/The label has 120 characters/)).toBeDefined();
  expect(screen.getByLabelText<HTMLInputElement>("Model").value).toBe("m");
});

test("the test of a cloud says that it answers, or why it does not", async () => {
  const user = userEvent.setup();
  const failure = make("ErrorInfo", { code: "auth_failed", title: "The key was not accepted", message: "OpenAI answered 401", remedy: "Enter the key again.", actions: ["retry"] });
  const results = [failure, null];
  const { advance } = await section("clouds", { state: deviceState({ clouds: { c: cloud } }), on: { "clouds.test": () => results.shift() ?? null } });
  await user.click(screen.getByRole("button", { name: "Test My cloud" }));
  await advance();
  expect(screen.getByText("The key was not accepted")).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Try again" }));
  await advance();
  expect(screen.getByText("My cloud answers.")).toBeDefined();
  expect(screen.queryByText("The key was not accepted")).toBeNull();
});

test("a cloud can be turned off and deleted, with its key left alone until then", async () => {
  const user = userEvent.setup();
  const { app, advance } = await section("clouds", { state: deviceState({ clouds: { c: { ...cloud, key: "device" } } }) });
  await user.click(screen.getByRole("switch", { name: "My cloud may answer" }));
  await advance();
  expect(app.state.clouds["c"]).toMatchObject({ enabled: false, key: "device" });
  await user.click(screen.getByRole("button", { name: "Delete My cloud" }));
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
  await advance();
  expect(app.state.clouds).toEqual({});
});

test("memory and storage have a time and a budget; what is not a number is not kept", async () => {
  const user = userEvent.setup();
  const { callsOf, advance } = await section("memory");
  await user.selectOptions(screen.getByRole("combobox", { name: "Free a model that is not used" }), "300");
  await user.selectOptions(screen.getByRole("combobox", { name: "Free models while this page is hidden" }), "60");
  const budget = screen.getByRole("textbox", { name: "Storage for models, in GB" });
  await user.type(budget, "much");
  await user.tab();
  expect(screen.getByText("Enter a number above 0, or leave it empty.")).toBeDefined();
  await user.clear(budget);
  await user.type(budget, "7,5");
  await user.tab();
  await advance();
  expect(callsOf("settings.update")).toEqual([{ changes: { keepAliveS: 300 } }, { changes: { freeHiddenS: 60 } }, { changes: { storageBudgetBytes: 7.5e9 } }]);
});

test("presets are added, checked for their name, changed and deleted", async () => {
  const user = userEvent.setup();
  const { app, advance } = await section("presets");
  const add = async (name: string): Promise<void> => {
    await user.click(screen.getByRole("button", { name: "Add a preset" }));
    const dialog = within(screen.getByRole("dialog"));
    await user.type(dialog.getByRole("textbox", { name: "Name" }), name);
    await user.type(dialog.getByRole("textbox", { name: "System prompt" }), "Be short.");
    await user.click(dialog.getByRole("button", { name: "Save" }));
    await advance();
  };
  await add("Short");
  expect(app.state.settings.presets).toMatchObject([{ name: "Short", settings: { system: "Be short." } }]);
  await add("Short");
  expect(screen.getByText(/A preset called “Short” exists already/)).toBeDefined();
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Cancel" }));
  await user.click(screen.getByRole("button", { name: "Delete Short" }));
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
  await advance();
  expect(app.state.settings.presets).toEqual([]);
});

test("what new conversations begin with is kept when the field is left", async () => {
  const user = userEvent.setup();
  const { app, advance } = await section("presets");
  await user.type(screen.getByRole("textbox", { name: "Temperature" }), "0.4");
  await user.tab();
  await advance();
  expect(app.state.settings.defaults).toMatchObject({ temperature: 0.4, topP: null });
});

test("the device page says what is wrong with the device, what to do, and why an engine cannot run", async () => {
  const base = deviceState();
  const problem = make("ErrorInfo", { code: "unavailable", title: "This browser has no WebGPU", message: "Chrome 149 offers no WebGPU here.", remedy: "Open chrome://flags and enable “Unsafe WebGPU Support”.", actions: ["reload"] });
  const user = userEvent.setup();
  const { callsOf, advance } = await section("device", {
    state: deviceState({ device: base.device && { ...base.device, gpu: null, problem }, engines: [make("Engine", { name: "webllm", label: "WebLLM", available: false, reason: "WebGPU is not available" })] }),
  });
  expect(screen.getByText("This browser has no WebGPU")).toBeDefined();
  expect(screen.getByText(/Open chrome:\/\/flags/)).toBeDefined();
  expect(screen.getByText("WebGPU is not available.")).toBeDefined();
  expect(screen.getByText("none that can be used")).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Look again" }));
  await advance();
  expect(callsOf("device.refresh")).toHaveLength(1);
});

test.each(["general", "privacy", "clouds", "memory", "presets", "device"])("axe finds nothing wrong with the section %s", async (id) => {
  const { container } = await section(id, { state: deviceState({ clouds: { c: cloud } }) });
  expect(await violations(container)).toEqual([]);
});
