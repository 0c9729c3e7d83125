// Writes src/browserllm/models/catalog/prebuilt.py from the list inside the pinned web-llm, grouped into cards by model.
//
//   node web/scripts/catalog.mjs            write it
//   node web/scripts/catalog.mjs --check    say whether it is what the pinned version gives, and change nothing

import { readFileSync, writeFileSync } from "node:fs";
import { ModelType, prebuiltAppConfig } from "../node_modules/@mlc-ai/web-llm/lib/index.js";

const file = new URL("../../src/browserllm/models/catalog/prebuilt.py", import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("../node_modules/@mlc-ai/web-llm/package.json", import.meta.url), "utf8"));

// "Phi-3.5-mini-instruct-q4f16_1-MLC-1k": the model, its quantization, and which variant of the build it is.
const NAME = /^(?<model>.+)-(?<quantization>q\d+f\d+(?:_\d)?)-MLC(?:-(?<variant>[a-z0-9]+))?$/;
const MIB = 2 ** 20;

function artifact(record, quantization) {
  const library = record.model_lib;
  const features = new Set(record.required_features);
  // The list names shader-f16 for some builds only, yet every kernel of an f16 build enables it.
  if (quantization.includes("f16")) features.add("shader-f16");
  const window = record.overrides?.context_window_size ?? Number(/-ctx(\d+)/.exec(library)?.[1] ?? NaN);
  return {
    engine: "webllm",
    device: "webgpu",
    id: record.model_id,
    url: folder(record.model),
    library,
    quantization,
    context_window: Number.isNaN(window) ? undefined : window,
    overrides: record.overrides,
    vram_mb: record.vram_required_MB,
    low_resource: record.low_resource_required,
    features: features.size === 0 ? undefined : [...features].sort(),
    buffer_mb: record.buffer_size_required_bytes === undefined ? undefined : record.buffer_size_required_bytes / MIB,
    model_type: { [ModelType.embedding]: "embedding", [ModelType.VLM]: "vision" }[record.model_type],
    manifest: record.model_manifest,
  };
}

/** The folder that web-llm reads a model's files from: it adds the branch where the list leaves it out. */
function folder(url) {
  const base = url.endsWith("/") ? url : `${url}/`;
  return /\/resolve\/.+\//.test(base) ? base : `${base}resolve/main/`;
}

const cards = new Map();
for (const record of prebuiltAppConfig.model_list) {
  const name = NAME.exec(record.model_id)?.groups;
  if (name === undefined) throw new Error(`a name of a new kind in web-llm's list: ${record.model_id}; extend NAME`);
  const builds = cards.get(name.model) ?? [];
  builds.push(artifact(record, name.quantization));
  cards.set(name.model, builds);
}

const lines = [...cards].map(
  ([id, builds]) => `{"id":${JSON.stringify(id)},"artifacts":[\n${builds.map((build) => JSON.stringify(build)).join(",\n")}\n]}`,
);
const text = `"""Every model in the list of web-llm ${version}. Written by web/scripts/catalog.mjs (make catalog); do not edit."""

WEB_LLM_VERSION = "${version}"

# JSON in the code, read when a model is first looked up: a package of .pyc files has no other place for data.
PREBUILT = r"""[
${lines.join(",\n")}
]"""
`;
if (/"""|\\/.test(lines.join(""))) throw new Error("the list holds what a raw Python string cannot");

if (!process.argv.includes("--check")) {
  writeFileSync(file, text);
} else if (readFileSync(file, "utf8") !== text) {
  console.error(`src/browserllm/models/catalog/prebuilt.py is not what web-llm ${version} gives; run: make catalog`);
  process.exitCode = 1;
}
