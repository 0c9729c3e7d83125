import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { describeAdapter, gpuError, GpuWatch } from "../../web/src/engine/gpu.ts";
import { stopWatching, watchDevices } from "../../web/src/patches/web-llm/devices.ts";
import { Gate, settle } from "./helpers.ts";

class FakeOutOfMemory {
  readonly message = "no room";
}

class FakeDevice extends EventTarget {
  readonly end = new Gate<{ reason: string; message: string }>();
  readonly lost = this.end.promise;
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.end.open({ reason: "destroyed", message: "" });
  }

  runOut(): void {
    this.dispatchEvent(Object.assign(new Event("uncapturederror"), { error: new FakeOutOfMemory() }));
  }
}

function take(watch: GpuWatch): FakeDevice {
  const device = new FakeDevice();
  watch.take(device as unknown as GPUDevice, { vendor: "v", architecture: "a" } as GPUAdapterInfo);
  return device;
}

beforeEach(() => { vi.stubGlobal("GPUOutOfMemoryError", FakeOutOfMemory); });
afterEach(() => { vi.unstubAllGlobals(); });

describe("a watch on a GPU device", () => {
  it("reports its loss once, also to a later listener", async () => {
    const watch = new GpuWatch();
    const heard: string[] = [];
    watch.onFault(({ kind, reason }) => heard.push(`${kind} ${reason}`));
    const device = take(watch);
    expect(watch.adapter).toBe("v a");
    device.end.open({ reason: "unknown", message: "hung" });
    await settle();
    watch.onFault(({ kind }) => heard.push(kind));
    expect(heard).toEqual(["lost hung", "lost"]);
  });

  it("reports that memory ran out", async () => {
    const watch = new GpuWatch();
    take(watch).runOut();
    expect(watch.fault).toEqual({ kind: "out_of_memory", reason: "no room" });
    const { message, code } = gpuError({ kind: "out_of_memory", reason: "no room" }, "m");
    expect([code, message]).toEqual(["out_of_memory", `the GPU's memory is not enough for "m": no room`]);
    await settle();
  });

  it("does not report its own freeing as a loss, and frees a device that comes too late", async () => {
    const watch = new GpuWatch();
    const early = take(watch);
    watch.destroy();
    const late = take(watch);
    await settle();
    expect([early.destroyed, late.destroyed, watch.fault]).toEqual([true, true, null]);
  });

  it("reports when the first device is there, even one that it frees at once", async () => {
    const watch = new GpuWatch();
    let taken = 0;
    void watch.taken.then(() => { taken += 1; });
    watch.destroy();
    await settle();
    expect(taken).toBe(0);
    take(watch);
    take(watch);
    await settle();
    expect(taken).toBe(1);
  });

  it("ends a wait that a lost device would never end", async () => {
    const watch = new GpuWatch();
    const device = take(watch);
    const waiting = watch.guard(new Promise(() => undefined), (fault) => gpuError(fault, "m"));
    device.end.open({ reason: "unknown", message: "" });
    await expect(waiting).rejects.toMatchObject({ code: "device_lost", data: { model: "m", reason: "unknown" } });
    await expect(new GpuWatch().guard(Promise.resolve(5), (fault) => gpuError(fault, "m"))).resolves.toBe(5);
  });

  it("sees the devices that are made while it is on", async () => {
    const devices: FakeDevice[] = [];
    class FakeAdapter {
      readonly info = { description: "Fake GPU" };
      requestDevice(): Promise<FakeDevice> {
        const device = new FakeDevice();
        devices.push(device);
        return Promise.resolve(device);
      }
    }
    vi.stubGlobal("GPUAdapter", FakeAdapter);
    const watch = watchDevices();
    await new FakeAdapter().requestDevice();
    stopWatching(watch);
    await new FakeAdapter().requestDevice();
    stopWatching(watch);
    watch.destroy();
    expect(devices.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    expect(watch.adapter).toBe("Fake GPU");
  });
});

describe("an adapter in words", () => {
  it("is its description, or the parts that are known", () => {
    expect(describeAdapter({ description: "NVIDIA H200", vendor: "nvidia" })).toBe("NVIDIA H200");
    expect(describeAdapter({ description: "", vendor: "google", architecture: "swiftshader", device: "" })).toBe("google swiftshader");
    expect(describeAdapter({})).toBeNull();
    expect(describeAdapter(undefined)).toBeNull();
  });
});
