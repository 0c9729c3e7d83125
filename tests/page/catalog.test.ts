import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { prebuiltAppConfig, type ModelRecord } from "@mlc-ai/web-llm";
import { findRecord } from "../../web/src/engine/webllm/engine.ts";
import type { LoadOrder } from "../../web/src/engine/protocol.ts";

const root = resolve(import.meta.dirname, "../..");

it("the committed catalog is, byte for byte, what the pinned web-llm gives", () => {
  expect(prebuiltAppConfig.model_list.length).toBeGreaterThan(100);
  // Exits with 1, and says what to do, when the file differs.
  const script = resolve(root, "web/scripts/catalog.mjs");
  expect(execFileSync(process.execPath, [script, "--check"], { encoding: "utf8" })).toBe("");
});

describe("a build of the catalog, ordered by its wire form", () => {
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
    const order: LoadOrder = { model: own.model_id, engine: "webllm", device: "webgpu", artifact: build ?? {} };
    // Sizes of buffers are weighed in Python; and every f16 build says that it needs f16.
    const record: Partial<ModelRecord> = { ...own, model: `${own.model}/resolve/main/` };
    delete record.buffer_size_required_bytes;
    delete record.required_features;
    const features = build?.features === undefined ? {} : { required_features: build.features };
    expect(findRecord(order, "http://localhost/")).toEqual({ ...record, ...features });
  });
});
