// @vitest-environment happy-dom
/** The plot of the session: for those who look at it, and for those who have it read out. */

import { fireEvent, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import { place, ticks } from "../../../web/app/plot/scale.ts";
import { SessionPlot } from "../../../web/app/plot/session_plot.tsx";
import { make, show } from "./helpers.tsx";
import { completePage, deviceState, NOW, violations } from "./views.tsx";

beforeEach(completePage);

const samples = [30, 45, null, 60].map((tokensPerS, index) =>
  make("Sample", { at: NOW + index * 1000, model: index < 2 ? "qwen3-0.6b" : "qwen3-1.7b", tokensPerS, memoryBytes: index === 0 ? null : index * 1e9 }),
);

test("the steps of the axis are round and reach over the highest value", () => {
  expect(ticks(60)).toEqual([0, 20, 40, 60]);
  expect(ticks(71)).toEqual([0, 20, 40, 60, 80]);
  expect(ticks(1.2)).toEqual([0, 0.5, 1, 1.5]);
  expect(ticks(0)).toEqual([0, 1]);
});

test("points lie in their order between the edges, the higher the greater", () => {
  const box = { width: 100, height: 50, start: 10, end: 10, top: 5, bottom: 5 };
  expect(place([0, 5, 10], 10, box)).toEqual([{ x: 10, y: 45 }, { x: 50, y: 25 }, { x: 90, y: 5 }]);
  expect(place([5], 10, box)).toEqual([{ x: 50, y: 25 }]);
});

test("before the first answer it says what will be here", async () => {
  await show(<SessionPlot />, { state: deviceState() });
  expect(screen.getByText(/Once a model on this device has answered/)).toBeDefined();
  expect(screen.queryByRole("img")).toBeNull();
});

test("it is summed up in words, and every sample is in a table", async () => {
  const user = userEvent.setup();
  await show(<SessionPlot />, { state: deviceState({ samples }) });
  const speed = screen.getByRole("img", { name: "Speed (tokens/s)" });
  const summary = document.getElementById(speed.getAttribute("aria-describedby") ?? "");
  expect(summary?.textContent).toBe("Speed (tokens/s): 3 answers, from 30 to 60, the last one 60");
  await user.click(screen.getByText("Show as a table"));
  const rows = screen.getAllByRole("row").slice(1).map((row) => within(row).getAllByRole("cell").slice(1).map((cell) => cell.textContent));
  expect(rows).toEqual([
    ["Qwen3 0.6B", "30 tokens/s", "not known"],
    ["Qwen3 0.6B", "45 tokens/s", "1 GB"],
    ["Qwen3 1.7B", "not known", "2 GB"],
    ["Qwen3 1.7B", "60 tokens/s", "3 GB"],
  ]);
});

test("a single answer is summed up as one", async () => {
  await show(<SessionPlot />, { state: deviceState({ samples: samples.slice(0, 1) }) });
  const speed = screen.getByRole("img", { name: "Speed (tokens/s)" });
  expect(document.getElementById(speed.getAttribute("aria-describedby") ?? "")?.textContent).toBe("Speed (tokens/s): 1 answer, 30");
});

test("arrow keys go from point to point and say each of them", async () => {
  await show(<SessionPlot />, { state: deviceState({ samples }) });
  const speed = screen.getByRole("img", { name: "Speed (tokens/s)" });
  const said = (): string => within(speed.closest("figure") ?? speed).getByRole("status").textContent;
  expect(said()).toBe("");
  fireEvent.keyDown(speed, { key: "ArrowLeft" });
  expect(said()).toMatch(/^Qwen3 1.7B, .*: 60$/);
  fireEvent.keyDown(speed, { key: "ArrowLeft" });
  expect(said()).toMatch(/^Qwen3 0.6B, .*: 45$/);
  fireEvent.keyDown(speed, { key: "Home" });
  fireEvent.keyDown(speed, { key: "ArrowLeft" });
  expect(said()).toMatch(/: 30$/);
  fireEvent.blur(speed);
  expect(said()).toBe("");
});

test("axe finds nothing wrong with it", async () => {
  const { container } = await show(<SessionPlot />, { state: deviceState({ samples }) });
  expect(await violations(container)).toEqual([]);
});
