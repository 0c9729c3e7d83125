import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { prebuiltAppConfig, type ModelRecord } from "@mlc-ai/web-llm";
import { findRecord } from "../../web/src/engine/webllm/engine.ts";
import type { LoadRequest } from "../../web/src/engine/protocol.ts";

const root = resolve(import.meta.dirname, "../..");

it("the committed catalog is, byte for byte, the one generated from the pinned web-llm", () => {
  expect(prebuiltAppConfig.model_list.length).toBeGreaterThan(100);
  // Exits with 1, and says what to do, when the file differs.
  const script = resolve(root, "web/scripts/catalog.mjs");
  expect(execFileSync(process.execPath, [script, "--check"], { encoding: "utf8" })).toBe("");
});

describe("a build of the catalog, requested in its wire format", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  interface Build extends Record<string, unknown> {
    readonly id: string;
    readonly features?: readonly string[];
  }
  const python = readFileSync(resolve(root, "src/browserllm/models/catalog/prebuilt.py"), "utf8");
  const cards = JSON.parse(python.slice(python.indexOf('r"""') + 4, python.lastIndexOf('"""'))) as { artifacts: Build[] }[];
  const builds = cards.flatMap((card) => card.artifacts);

  it.each(prebuiltAppConfig.model_list)("becomes web-llm's own record: $model_id", (own) => {
    vi.stubGlobal("location", new URL("http://localhost/"));
    const build = builds.find(({ id }) => id === own.model_id);
    const request: LoadRequest = { model: own.model_id, engine: "webllm", device: "webgpu", artifact: build ?? {} };
    // Python checks buffer sizes, and every f16 build requires f16.
    const record: Partial<ModelRecord> = { ...own, model: `${own.model}/resolve/main/` };
    delete record.buffer_size_required_bytes;
    delete record.required_features;
    const features = build?.features === undefined ? {} : { required_features: build.features };
    expect(findRecord(request, "http://localhost/")).toEqual({ ...record, ...features });
  });
});
