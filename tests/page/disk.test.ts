/** The page's private files, on a disk that is full: what Chromium then says, or does not say. */

import { describe, expect, it } from "vitest";
import { DISK_PATIENCE_MS, OriginDisk, type OpenFile } from "../../web/src/engine/files/disk.ts";
import { ManualClock, settle } from "./helpers.ts";

type Step = () => Promise<unknown>;

/** A private file system whose operations a test scripts; those that it does not are carried out. */
function fileSystem(steps: { create?: Step; open?: Step; remove?: Step } = {}): { getDirectory(): Promise<FileSystemDirectoryHandle> } {
  const file = { createSyncAccessHandle: steps.open ?? (() => Promise.resolve(handle())), getFile: () => Promise.resolve(new Blob(["abc"])) };
  const folder = {
    getFileHandle: (_: string, options?: object) => (options === undefined ? Promise.resolve(file) : (steps.create ?? (() => Promise.resolve(file)))()),
    getDirectoryHandle: () => Promise.resolve(folder),
    removeEntry: steps.remove ?? (() => Promise.resolve()),
  };
  return { getDirectory: () => Promise.resolve(folder as unknown as FileSystemDirectoryHandle) };
}

function handle(closed: () => void = () => undefined): OpenFile {
  return { getSize: () => 0, read: () => 0, write: () => 0, truncate: () => undefined, flush: () => undefined, close: closed };
}

const fails = (name: string): Step => () => Promise.reject(new DOMException("as Chromium says it", name));
const never: Step = () => new Promise(() => undefined);

describe("a full disk", () => {
  it.each([
    ["is not created", { create: fails("InvalidStateError") }],
    ["is created and not found", { open: fails("NotFoundError") }],
    ["cannot be opened", { open: fails("UnknownError") }],
  ])("is named where a file %s", async (_, steps) => {
    const disk = new OriginDisk(new ManualClock(), () => fileSystem(steps));
    await expect(disk.open("a")).rejects.toMatchObject({ name: "QuotaExceededError" });
  });

  it("is named where a file cannot be removed, and one that is not there needs no removal", async () => {
    await expect(new OriginDisk(new ManualClock(), () => fileSystem({ remove: fails("InvalidStateError") })).remove("a")).rejects.toMatchObject({
      name: "QuotaExceededError",
    });
    await new OriginDisk(new ManualClock(), () => fileSystem({ remove: fails("NotFoundError") })).remove("a");
  });

  it("is no reason for a file that another tab has open", async () => {
    const disk = new OriginDisk(new ManualClock(), () => fileSystem({ open: fails("NoModificationAllowedError") }));
    await expect(disk.open("a")).rejects.toMatchObject({ name: "NoModificationAllowedError" });
  });
});

describe("a browser that does not answer", () => {
  it.each([
    ["open", { create: never }, (disk: OriginDisk) => disk.open("a")],
    ["open", { open: never }, (disk: OriginDisk) => disk.open("a")],
    ["remove", { remove: never }, (disk: OriginDisk) => disk.remove("a")],
  ])("is given up after a while, with what to do (%s)", async (_, steps, work) => {
    const clock = new ManualClock();
    const failure = work(new OriginDisk(clock, () => fileSystem(steps)));
    const told = expect(failure).rejects.toMatchObject({ code: "unavailable", data: { reason: "blocked" }, message: /free disk space/ });
    await settle();
    clock.advance(DISK_PATIENCE_MS);
    await told;
  });

  it("leaves no file open that opens late", async () => {
    const clock = new ManualClock();
    let closed = 0;
    let open: (file: OpenFile) => void = () => undefined;
    const disk = new OriginDisk(clock, () => fileSystem({ open: () => new Promise<OpenFile>((resolve) => { open = resolve; }) }));
    const told = expect(disk.open("a")).rejects.toMatchObject({ code: "unavailable" });
    await settle();
    clock.advance(DISK_PATIENCE_MS);
    await told;
    open(handle(() => { closed += 1; }));
    await settle();
    expect(closed).toBe(1);
  });

  it("answers in time without any delay of ours", async () => {
    const clock = new ManualClock();
    const disk = new OriginDisk(clock, () => fileSystem());
    (await disk.open("a")).close();
    expect(await (await disk.blob("a"))?.text()).toBe("abc");
    await disk.remove("a");
    expect(clock.now()).toBe(0);
  });
});
