/**
 * Sets ONNX Runtime up under Transformers.js 4.3.1, and keeps one failure from spoiling all that comes after: the library
 * strings session calls together with `chain = chain.then(call)`, so that after one rejection no later call ever runs.
 * Here a failed call resolves instead, and its error is kept for whoever made the call to take.
 */

import { env, LogLevel } from "@huggingface/transformers";
import { InferenceSession } from "onnxruntime-web/webgpu";
import { probeWebGpu } from "../probe.ts";

let failure: unknown = null;

/** The error of the last failed session call, once; null when there was none. */
export function takeFailure(): unknown {
  const taken = failure;
  failure = null;
  return taken;
}

/**
 * The sessions made between `start` and `stop`. A model of several networks that fails with one of them never hands out the others,
 * and a session that is still being made cannot be stopped: so they are freed here.
 */
export class SessionWatch {
  readonly #sessions = new Set<Promise<InferenceSession>>();

  static start(): SessionWatch {
    return (current = new SessionWatch());
  }

  stop(): void {
    if (current === this) current = null;
  }

  take(session: Promise<InferenceSession>): void {
    this.#sessions.add(session);
  }

  /** Release them all, those too that are still being made. */
  async free(): Promise<void> {
    for (const session of await Promise.allSettled(this.#sessions)) {
      if (session.status === "fulfilled") await session.value.release();
    }
    this.#sessions.clear();
  }
}

let current: SessionWatch | null = null;

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

function guardSessions(): void {
  const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>;
  const guarded = async (...args: unknown[]): Promise<unknown> => {
    try {
      const creating = create(...args);
      current?.take(creating);
      const session = await creating;
      const run = session.run.bind(session) as (...args: unknown[]) => Promise<unknown>;
      const guardedRun = async (...feeds: unknown[]): Promise<unknown> => {
        try {
          return await run(...feeds);
        } catch (error) {
          failure = error;
          return {};
        }
      };
      return Object.assign(session, { run: guardedRun });
    } catch (error) {
      failure = error;
      return { inputNames: [], outputNames: [], inputMetadata: [], release: () => Promise.resolve() };
    }
  };
  Object.assign(InferenceSession, { create: guarded });
}
