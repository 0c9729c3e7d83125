import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { prebuiltAppConfig } from "@mlc-ai/web-llm";

const script = resolve(import.meta.dirname, "../../web/scripts/catalog.mjs");

it("the committed catalog is, byte for byte, what the pinned web-llm gives", () => {
  expect(prebuiltAppConfig.model_list.length).toBeGreaterThan(100);
  // Exits with 1, and says what to do, when the file differs.
  expect(execFileSync(process.execPath, [script, "--check"], { encoding: "utf8" })).toBe("");
});
