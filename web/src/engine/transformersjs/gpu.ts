/**
 * A GPU device for each model. ONNX Runtime 1.31 shares one, and after a session that could not be made it never
 * frees it, nor the buffers that it keeps for reuse. A device of ours is freed with all its buffers. The public option `device` of
 * the execution provider takes it (tests/page/patches/transformers.test.ts; see microsoft/onnxruntime#26107).
 */

import { PageError } from "../errors.ts";
import { GpuWatch } from "../gpu.ts";
import { requestAdapter } from "../probe.ts";

export interface Gpu {
  readonly device: GPUDevice;
  readonly watch: GpuWatch;
}

/** As ONNX Runtime asks for them itself: all that the adapter has. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

export async function openGpu(): Promise<Gpu> {
  const gpu = navigator.gpu as GPU | undefined;
  if (gpu === undefined) throw new PageError("unavailable", "this browser has no WebGPU here", { reason: "no_api" });
  const adapter = await requestAdapter(gpu);
  if (adapter === null) throw new PageError("unavailable", "the browser offers no GPU adapter", { reason: "no_adapter" });
  try {
    const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = await adapter.requestDevice({ requiredFeatures: [...adapter.features] as GPUFeatureName[], requiredLimits });
    const watch = new GpuWatch();
    watch.take(device, adapter.info);
    return { device, watch };
  } catch (error) {
    throw new PageError("unavailable", `the GPU adapter refused to give a device: ${String(error)}`, { reason: "device_failed" }, error);
  }
}
