/**
 * What: replaces `GPUAdapter.prototype.requestDevice`, to see the GPU devices that WebLLM makes.
 * Why: WebLLM makes its device itself and does not hand it out, so its loss, a lack of memory, and devices of cancelled
 * loads would go unnoticed.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/web_llm.test.ts.
 */

import { GpuWatch } from "../../engine/gpu.ts";

let current: GpuWatch | null = null;
let patched = false;

/** Watch the devices that are made from now until `stopWatching`. */
export function watchDevices(): GpuWatch {
  patchRequestDevice();
  return (current = new GpuWatch());
}

/** Add no more devices to a watch; it keeps those that it has. */
export function stopWatching(watch: GpuWatch): void {
  if (current === watch) current = null;
}

function patchRequestDevice(): void {
  if (patched || typeof GPUAdapter === "undefined") return;
  patched = true;
  const prototype = GPUAdapter.prototype;
  const original = Object.getOwnPropertyDescriptor(prototype, "requestDevice")?.value as GPUAdapter["requestDevice"];
  prototype.requestDevice = async function (this: GPUAdapter, ...args): Promise<GPUDevice> {
    const watch = current;
    const device = await original.apply(this, args);
    watch?.take(device, this.info);
    return device;
  };
}
