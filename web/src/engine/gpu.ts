/**
 * Watches GPU devices: to learn of a loss while a chat waits, to learn that memory ran out, and to free them when a load is
 * cancelled halfway. ONNX Runtime is given a device of ours (transformersjs/gpu.ts); WebLLM makes its own
 * (patches/web-llm/devices.ts).
 */

import { PageError } from "./errors.ts";

export type GpuFault = { readonly kind: "lost"; readonly reason: string } | { readonly kind: "out_of_memory"; readonly reason: string };

/** The devices that were handed to `take`, and what happens to them for as long as they live. */
export class GpuWatch {
  adapter: string | null = null;
  /** Settles when the first device has been made. */
  readonly taken: Promise<void>;
  #tookOne: () => void = () => undefined;
  readonly #devices = new Set<GPUDevice>();
  readonly #listeners = new Set<(fault: GpuFault) => void>();
  #fault: GpuFault | null = null;
  #destroyed = false;

  constructor() {
    this.taken = new Promise((resolve) => { this.#tookOne = resolve; });
  }

  /** What went wrong first, if anything did. */
  get fault(): GpuFault | null {
    return this.#fault;
  }

  /** Free the devices and all that lives on them; a device that is still being made is freed when it comes. */
  destroy(): void {
    this.#destroyed = true;
    for (const device of this.#devices) device.destroy();
    this.#devices.clear();
  }

  /** Call back once, at the first fault or at once when there was one. */
  onFault(listener: (fault: GpuFault) => void): void {
    if (this.#fault !== null) listener(this.#fault);
    else this.#listeners.add(listener);
  }

  /** `promise`, or a rejection with `makeError(fault)` when the GPU fails first. */
  guard<T>(promise: Promise<T>, makeError: (fault: GpuFault) => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const listener = (fault: GpuFault): void => { reject(makeError(fault)); };
      this.onFault(listener);
      promise.then(resolve, reject).finally(() => { this.#listeners.delete(listener); });
    });
  }

  take(device: GPUDevice, info: GPUAdapterInfo | undefined): void {
    this.adapter = describeAdapter(info);
    this.#tookOne();
    if (this.#destroyed) {
      device.destroy();
      return;
    }
    this.#devices.add(device);
    void device.lost.then(({ reason, message }) => {
      this.#devices.delete(device);
      // "destroyed" is what our own destroy() and a runtime's dispose() say.
      if (!this.#destroyed && reason !== "destroyed") this.#fail({ kind: "lost", reason: message === "" ? reason : message });
    });
    device.addEventListener("uncapturederror", ({ error }) => {
      if (error instanceof GPUOutOfMemoryError) this.#fail({ kind: "out_of_memory", reason: error.message });
    });
  }

  #fail(fault: GpuFault): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    for (const listener of this.#listeners) listener(fault);
    this.#listeners.clear();
  }
}

/** A GPU in words: its description, or what else the browser reports. */
export function describeAdapter(info: Partial<GPUAdapterInfo> | undefined): string | null {
  if (info === undefined) return null;
  if (info.description !== undefined && info.description !== "") return info.description;
  const parts = [info.vendor, info.architecture, info.device].filter((part) => part !== undefined && part !== "");
  return parts.length === 0 ? null : parts.join(" ");
}

/** Whether an error says that the GPU is gone: Chromium's for a lost GPU process, and what runtimes make of a lost device. */
export function isGpuGone(error: unknown): boolean {
  const message = error instanceof Error || error instanceof DOMException ? error.message : String(error);
  return /device[^.]*\blost\b|\blost\b[^.]*device|external Instance reference no longer exists/i.test(message);
}

export function gpuError(fault: GpuFault, model: string): PageError {
  if (fault.kind === "out_of_memory") {
    return new PageError("out_of_memory", `the GPU's memory is not enough for "${model}": ${fault.reason}`, { model });
  }
  return new PageError("device_lost", `the GPU device was lost (${fault.reason}); load the model again`, {
    model,
    reason: fault.reason,
  });
}
