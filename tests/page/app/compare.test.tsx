// @vitest-environment happy-dom
/** The comparison: which sides it begins with, what it asks of Python, and how the figures are shown. */

import { screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import Compare from "../../../web/app/compare/compare.tsx";
import type { AppState } from "../../../web/react/src/index.ts";
import { firstSides, missing, nextSide, placesOf } from "../../../web/app/compare/sides.ts";
import { make, show } from "./helpers.tsx";
import { completePage, deviceState, violations } from "./views.tsx";

beforeEach(completePage);

const prompt = (): HTMLElement => screen.getByRole("textbox", { name: "Prompt" });

test("it begins with the two models that were used last, or with one model on two engines", () => {
  const state = deviceState();
  expect(firstSides(state).map(({ model }) => model)).toEqual(["qwen3-1.7b", "qwen3-0.6b"]);
  const alone = { ...state, models: Object.fromEntries(Object.entries(state.models).filter(([id]) => id === "qwen3-0.6b")) };
  expect(firstSides(alone)).toEqual([
    { model: "qwen3-0.6b", where: "webllm webgpu" },
    { model: "qwen3-0.6b", where: "transformersjs webgpu" },
  ]);
});

test("each engine and device of a model is offered once, and only where it fits", () => {
  const { models } = deviceState();
  expect(placesOf(models["qwen3-0.6b"]).map(({ engine, device }) => `${engine} ${device}`)).toEqual(["webllm webgpu", "transformersjs webgpu", "transformersjs wasm"]);
  expect(placesOf(models["llama-3.1-8b"])).toEqual([]);
});

test("models that are not on the device are known as a download, the built-in one is not", () => {
  const { models } = deviceState();
  const sides = ["pocket", "phi-4", "phi-4", "qwen3-1.7b"].map((model) => ({ model, where: "" }));
  expect(missing(sides, models).map(({ id }) => id)).toEqual(["phi-4"]);
});

test("the sides answer one after the other, with their speeds beside each other", async () => {
  const user = userEvent.setup();
  const { advance, callsOf } = await show(<Compare />, {
    state: deviceState(),
    answers: [
      { text: "Blue light is scattered.", info: { tokensPerS: 20, firstTokenMs: 400, completionTokens: 5, durationMs: 650 } },
      { text: "Because of the air.", info: { tokensPerS: 50, completionTokens: 6, durationMs: 200 } },
    ],
  });
  await user.type(prompt(), "Why is the sky blue?");
  await user.selectOptions(screen.getByRole("combobox", { name: "Model 1" }), "qwen3-0.6b");
  await user.selectOptions(screen.getByRole("combobox", { name: "Engine of model 1" }), "transformersjs wasm");
  await user.selectOptions(screen.getByRole("combobox", { name: "Model 2" }), "qwen3-1.7b");
  await user.click(screen.getByRole("button", { name: "Run" }));
  await advance(200);
  expect(callsOf("compare.run")).toEqual([
    { prompt: "Why is the sky blue?", models: [["qwen3-0.6b", "transformersjs", "wasm"], ["qwen3-1.7b", null, null]], maxTokens: 200 },
  ]);
  expect(screen.getByRole("article", { name: "Model 1" }).textContent).toContain("Answering");
  expect(screen.getByRole("article", { name: "Model 2" }).textContent).toContain("Waits for its turn");

  await advance(2000);
  expect(screen.getByRole("article", { name: "Model 2" }).textContent).toContain("Because of the air.");
  const speeds = within(screen.getByRole("row", { name: /^Speed/ })).getAllByRole("cell").map((cell) => cell.textContent);
  expect(speeds).toEqual(["20 tokens/s", "50 tokens/sfastest"]);
  const first = within(screen.getByRole("row", { name: /^First token/ })).getAllByRole("cell").map((cell) => cell.textContent);
  expect(first).toEqual(["400 ms", "not known"]);
  expect(screen.getByRole("button", { name: "Run again" })).toBeDefined();
});

test("stopping ends the comparison where it is, without an error", async () => {
  const user = userEvent.setup();
  const { app, advance } = await show(<Compare />, { state: deviceState(), answers: ["one two three four five six"] });
  await user.type(prompt(), "Count");
  await user.click(screen.getByRole("button", { name: "Run" }));
  await advance(250);
  await user.click(screen.getByRole("button", { name: "Stop" }));
  await advance(2000);
  expect(app.state.compare.runs.map(({ status }) => status)).toEqual(["stopped", "stopped"]);
  expect(app.state.compare.runs[0]?.text).toContain("one two");
  expect(screen.getByRole("button", { name: "Run again" })).toBeDefined();
  expect(screen.queryByText("That did not work")).toBeNull();
});

test("a side that fails says why, and the other one still answers", async () => {
  const user = userEvent.setup();
  const { advance } = await show(<Compare />, { state: deviceState(), answers: [{ error: { title: "Not enough memory", message: "the GPU has 2 GB" } }, "Hello there."] });
  await user.type(prompt(), "Hi");
  await user.click(screen.getByRole("button", { name: "Run" }));
  await advance(2000);
  expect(screen.getByRole("article", { name: "Model 1" }).textContent).toContain("The GPU has 2 GB");
  expect(screen.getByRole("article", { name: "Model 2" }).textContent).toContain("Hello there.");
});

test("an empty prompt and a limit that is not a number are told, and nothing runs", async () => {
  const user = userEvent.setup();
  const { callsOf } = await show(<Compare />, { state: deviceState() });
  await user.click(screen.getByRole("button", { name: "Run" }));
  expect(screen.getByText("Write a prompt first.")).toBeDefined();
  await user.type(prompt(), "Hi");
  await user.clear(screen.getByRole("textbox", { name: "Longest answer in tokens" }));
  await user.type(screen.getByRole("textbox", { name: "Longest answer in tokens" }), "many");
  await user.click(screen.getByRole("button", { name: "Run" }));
  expect(screen.getByText("Enter a whole number from 1 to 4,000.")).toBeDefined();
  expect(callsOf("compare.run")).toEqual([]);
});

test("a download that a side needs is told with its size before it runs", async () => {
  const user = userEvent.setup();
  await show(<Compare />, { state: deviceState() });
  await user.selectOptions(screen.getByRole("combobox", { name: "Model 1" }), "phi-4");
  expect(screen.getByText(/^Phi 4 Mini must be downloaded first: 2.1 GB\./)).toBeDefined();
});

test("sides can be added up to four and removed down to one", async () => {
  const user = userEvent.setup();
  await show(<Compare />, { state: deviceState() });
  await user.click(screen.getByRole("button", { name: "Add a model" }));
  await user.click(screen.getByRole("button", { name: "Add a model" }));
  expect(screen.queryByRole("button", { name: "Add a model" })).toBeNull();
  for (let left = 4; left > 1; left -= 1) await user.click(screen.getByRole("button", { name: "Remove model 1" }));
  expect(screen.queryByRole("button", { name: "Remove model 1" })).toBeNull();
});

test("axe finds nothing wrong with a finished comparison", async () => {
  const user = userEvent.setup();
  const { advance, container } = await show(<Compare />, { state: deviceState() });
  await user.type(prompt(), "Hi");
  await user.click(screen.getByRole("button", { name: "Run" }));
  await advance(2000);
  expect(await violations(container)).toEqual([]);
});

test("a device that has one model on one engine begins with it and the recommended one, and says what that downloads", async () => {
  const state = deviceState();
  const { pocket } = state.models;
  if (!pocket) throw new Error("the made-up device has the built-in model");
  const one = { ...pocket, builds: pocket.builds.slice(0, 1) };
  const models: AppState["models"] = { ...Object.fromEntries(Object.entries(state.models).filter(([, model]) => !model.downloaded)), pocket: one };
  const [first, second] = firstSides({ ...state, models });
  expect(first).toEqual({ model: "pocket", where: "" });
  const taken = models[second?.model ?? ""];
  expect([taken?.fit, taken?.tier !== null]).toEqual(["good", true]);
  const { advance } = await show(<Compare />, { state: { ...state, models }, on: { "models.estimate": () => 240 } });
  await advance();
  const warning = screen.getByText(/must be downloaded first/);
  expect(warning.textContent).toMatch(/GB\. This takes about 4 min on this connection\.$/);
  expect(screen.getByRole("button", { name: /^Download .* GB and run$/ })).toBeDefined();
});

test("two models that run well come before one that may be slow, and one model is compared on two engines rather than twice on one", () => {
  const state = deviceState();
  const models = Object.fromEntries(Object.entries(state.models).map(([id, model]) => [id, id === "qwen3-1.7b" ? { ...model, fit: "tight" as const } : model]));
  expect(firstSides({ ...state, models })[0]?.model).toBe("qwen3-0.6b");
  const { "qwen3-0.6b": small } = state.models;
  if (!small) throw new Error("the made-up device has the small model");
  const [webgpu, ...others] = small.builds;
  if (!webgpu) throw new Error("it has builds");
  const builds = [webgpu, { ...webgpu, device: "wasm" }, ...others];
  expect(firstSides({ ...state, models: { [small.id]: { ...small, builds } } }).map(({ where }) => where)).toEqual(["webllm webgpu", "transformersjs webgpu"]);
});

test("the last comparison begins again, without the models that are gone", () => {
  const state = deviceState();
  const run = (model: string): ReturnType<typeof make<"CompareRun">> => make("CompareRun", { model });
  expect(firstSides({ ...state, compare: { prompt: "", runs: [run("qwen3-0.6b"), run("gone")] } })).toEqual([{ model: "qwen3-0.6b", where: "" }]);
  expect(firstSides({ ...state, compare: { prompt: "", runs: [run("gone")] } })).toHaveLength(2);
});

test("a side that is added is another model, as long as there is one", () => {
  const { models } = deviceState();
  const sides = ["qwen3-1.7b", "qwen3-0.6b"].map((model) => ({ model, where: "" }));
  expect(["qwen3-1.7b", "qwen3-0.6b"]).not.toContain(nextSide(sides, models).model);
  const { "qwen3-0.6b": small } = models;
  expect(nextSide([{ model: "qwen3-0.6b", where: "webllm webgpu" }], small ? { [small.id]: small } : {})).toEqual({ model: "qwen3-0.6b", where: "webllm webgpu" });
});
