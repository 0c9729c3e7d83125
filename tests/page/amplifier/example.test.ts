// @vitest-environment happy-dom
/** The page of examples/agent: a question, a tool, the user's decision, its result, an answer, and cancelling. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it, vi } from "vitest";
import type { AgentEvent } from "@browserllm/react/actions";
import type { Options } from "../../../web/amplifier/amplifier.ts";

/** An agent that does what a test tells it. */
const made = vi.hoisted(() => ({ agents: [] as { options: Options; end: (failure?: Error) => void }[] }));

vi.mock("../../../web/amplifier/amplifier.ts", () => ({
  AmplifierWeb: class {
    readonly model = "pocket";
    readonly lastAnswer = { inputTokens: 5, outputTokens: 3 };
    readonly options: Options;
    end: (failure?: Error) => void = () => undefined;
    constructor(options: Options) {
      this.options = options;
      made.agents.push(this);
    }
    init(): Promise<void> {
      this.options.onProgress?.({ stage: "ready", text: "Ready", fraction: 1 });
      return Promise.resolve();
    }
    execute(): Promise<void> {
      return new Promise((resolve, reject) => { this.end = (failure) => { if (failure) reject(failure); else resolve(); }; });
    }
    cancel(): void {
      this.end(Object.assign(new Error("cancelled"), { code: "cancelled" }));
    }
  },
}));

const text = (selector: string): string => document.querySelector(selector)?.textContent ?? "";
const button = (selector: string): HTMLButtonElement => {
  const found = document.querySelector<HTMLButtonElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};

it("shows a tool call with two buttons, its result, the answer, and stops", async () => {
  const page = readFileSync(resolve(import.meta.dirname, "../../../examples/agent/index.html"), "utf8");
  document.body.innerHTML = page.slice(page.indexOf("<main>"), page.indexOf("</main>") + 7);
  // @ts-expect-error a page's script has no types
  await import("../../../examples/agent/page.js");
  const [agent] = made.agents;
  if (!agent) throw new Error("the page made no agent");
  const tell = (event: Partial<AgentEvent>): void => { agent.options.onEvent?.(event as AgentEvent); };
  button("#start").click();
  await vi.waitFor(() => { expect(button("#send").disabled).toBe(false); });
  expect(text("#status")).toBe("Ready: pocket answers.");
  button("#send").click();
  await vi.waitFor(() => { expect(text("li.user")).toBe("What time is it?"); });
  expect([button("#send").disabled, button("#cancel").disabled]).toEqual([true, false]);
  tell({ type: "tool-call", id: "c1", name: "clock", arguments: {} });
  const asked = agent.options.onApproval?.({ prompt: "Run clock?", options: ["Allow", "Deny"], callId: "c1", tool: "clock", arguments: {}, signal: new AbortController().signal });
  expect(text("li.tool code")).toBe("clock({})");
  button("button.allow").click();
  expect(await asked).toBe(true);
  expect(document.querySelector("button.allow")).toBeNull();
  tell({ type: "tool-result", id: "c1", name: "clock", output: "10:15", error: null });
  expect(text("li.tool .result")).toBe("Result: 10:15");
  tell({ type: "text", text: "It is " });
  tell({ type: "text", text: "10:15." });
  expect(text("li.agent")).toBe("It is 10:15.");
  agent.end();
  await vi.waitFor(() => { expect(text("#status")).toBe("5 tokens read, 3 written, on this device."); });
  const box = document.querySelector<HTMLTextAreaElement>("#prompt");
  if (!box) throw new Error("no #prompt");
  expect(box.value).toBe("");
  box.value = "Again";
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", shiftKey: true }));
  expect(button("#cancel").disabled).toBe(true);
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true }));
  await vi.waitFor(() => { expect(button("#cancel").disabled).toBe(false); });
  button("#cancel").click();
  await vi.waitFor(() => { expect(text("#status")).toBe("Cancelled."); });
  expect(document.querySelectorAll("li.error")).toHaveLength(0);
});
