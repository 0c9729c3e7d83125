/** Errors of agents: each code of the library has whether trying again can help, what to do, and its cause. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { BrowserLLMError } from "@browserllm/react/errors";
import { AmplifierError, amplifierError } from "../../../web/amplifier/errors.ts";

const read = (file: string): string => readFileSync(resolve(import.meta.dirname, "../../..", file), "utf8");
const CODES = [...read("src/browserllm/errors.py").matchAll(/^ {4}code = "(\w+)"$/gm)].map(([, code = ""]) => code);
const DOCUMENTED = [...read("docs/amplifier.md").matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names = ""]) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name));
const OWN = ["not_ready", "busy", "disposed", "connect_failed", "disconnected"];
const FINAL = ["invalid_request", "unsupported", "model_not_found", "protocol", "disposed"];

const failure = (code: string, remedy: string | null, data = {}): BrowserLLMError =>
  new BrowserLLMError({ code, title: "", message: `it is ${code}`, remedy, actions: [], data });

describe.each([...CODES, ...OWN])("%s", (code) => {
  it("says whether trying again can help, what to do, and why", () => {
    const thrown = failure(code, null, { detail: 1 });
    const error = amplifierError(thrown);
    expect(error).toBeInstanceOf(AmplifierError);
    expect(error).toMatchObject({ name: "AmplifierError", code, message: `it is ${code}`, recoverable: !FINAL.includes(code), data: { detail: 1 } });
    expect(error.cause).toBe(thrown);
    expect(error.suggestion).toMatch(/^[A-Z].*\.$/);
    expect(amplifierError(failure(code, "Do this.")).suggestion).toBe("Do this.");
  });

  it("is in the documentation", () => {
    expect(DOCUMENTED).toContain(code);
  });
});

it("the codes are found", () => {
  expect(CODES).toEqual(expect.arrayContaining(["unavailable", "internal", "out_of_memory", "all_backends_failed"]));
  expect(CODES.length).toBeGreaterThan(20);
});

it("some reasons are final, too", () => {
  for (const reason of ["missing_feature", "not_installed", "insecure_context", "turned_off", "private", "policy"]) {
    expect(amplifierError(failure("unavailable", null, { reason })).recoverable, reason).toBe(false);
  }
  for (const reason of ["offline", "unreachable", "server_error", "blocked"]) {
    expect(amplifierError(failure("unavailable", null, { reason })).recoverable, reason).toBe(true);
  }
});

it("anything else that is thrown is its cause, and an error stays as it is", () => {
  const cause = new TypeError("no");
  expect(amplifierError(cause)).toMatchObject({ code: "internal", message: "no", recoverable: true, cause });
  expect(amplifierError("a text")).toMatchObject({ code: "internal", message: "a text", cause: "a text" });
  const own = new AmplifierError("busy", "wait");
  expect(amplifierError(own)).toBe(own);
});
