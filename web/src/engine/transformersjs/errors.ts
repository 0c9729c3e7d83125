/** Failures of Transformers.js and ONNX Runtime as errors of the protocol. */

import { isGpuGone } from "../gpu.ts";
import { describe, PageError, toPageError } from "../errors.ts";

export interface FailedFile {
  readonly url: string;
  readonly status: number | null;
}

export function loadError(error: unknown, model: string, failed: FailedFile | null): PageError {
  if (error instanceof PageError) return error;
  if (failed !== null) {
    const { url, status } = failed;
    if (status === null) {
      const why = "no answer from the server (offline, blocked, or not shared with this site)";
      return new PageError("download_interrupted", `"${model}" could not be loaded: ${why} for ${url}`, { model, url }, error);
    }
    return new PageError("load_failed", `"${model}" could not be loaded: the server answered ${status} for ${url}`, { model, url, status }, error);
  }
  const { name, message } = describe(error);
  if (isGpuGone(error)) return lost(message, model, error);
  if (isOutOfMemory(message)) {
    return new PageError("out_of_memory", `not enough memory to load "${model}": ${message}`, { model }, error);
  }
  if (/^Unsupported model type|does not support fp16|^Invalid dtype/.test(message)) {
    return new PageError("unsupported", `"${model}" could not be loaded: ${message}`, { model }, error);
  }
  return new PageError("load_failed", `"${model}" could not be loaded: ${name}: ${message}`, { model, name }, error);
}

export function runError(error: unknown, model: string): PageError {
  if (error instanceof PageError) return error;
  const { message } = describe(error);
  if (isOutOfMemory(message)) return new PageError("out_of_memory", `not enough memory to run "${model}": ${message}`, { model }, error);
  if (isGpuGone(error)) return lost(message, model, error);
  return toPageError(error);
}

function lost(message: string, model: string, cause: unknown): PageError {
  return new PageError("device_lost", `the GPU device was lost (${message}); load the model again`, { model }, cause);
}

function isOutOfMemory(message: string): boolean {
  return /out of memory|bad_alloc|Array buffer allocation failed|failed to allocate/i.test(message);
}
