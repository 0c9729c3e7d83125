/** Sets ONNX Runtime up under Transformers.js. */

import { env, LogLevel } from "@huggingface/transformers";
import { guardSessions } from "../../patches/transformers/sessions.ts";
import { probeWebGpu } from "../probe.ts";

let ready: Promise<void> | null = null;

/** Once per worker; `base` is where the site's `ort/` folder is. */
export function setUpOrt(base: string): Promise<void> {
  ready ??= setUp(base);
  return ready;
}

async function setUp(base: string): Promise<void> {
  env.logLevel = LogLevel.ERROR;
  env.allowLocalModels = false;
  // ONNX Runtime's own files: from this site and nowhere else, by their URL (a blob: script would need a looser CSP).
  env.useWasmCache = false;
  guardSessions();
  const wasm = env.backends.onnx.wasm;
  if (wasm === undefined) return;
  // One build serves a worker's whole life. That with WebGPU is twice as large and slower on the CPU, so it is taken
  // only where there is a GPU that may be asked for later.
  const build = (await probeWebGpu(self)).available ? ".asyncify" : "";
  const file = (ending: string): string => new URL(`ort/ort-wasm-simd-threaded${build}.${ending}`, base).href;
  wasm.wasmPaths = { mjs: file("mjs"), wasm: file("wasm") };
  wasm.numThreads = crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
}
