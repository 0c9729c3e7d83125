/** The page's private files, on a disk that is full: what Chromium then says, or does not say. */

import { describe, expect, it } from "vitest";
import { OriginDisk } from "../../web/src/engine/files/disk.ts";
import { DiskFiles, type SyncFile } from "../../web/src/engine/files/disk-files.ts";
import { DiskLink, type StartDisk } from "../../web/src/engine/files/disk-link.ts";
import { DISK_PATIENCE_MS, type Root } from "../../web/src/engine/files/private-files.ts";
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

function handle(closed: () => void = () => undefined): SyncFile {
  return { getSize: () => 0, read: () => 0, write: () => 0, truncate: () => undefined, flush: () => undefined, close: closed };
}

/** A disk whose worker runs in this thread. */
function diskOf(clock: ManualClock, root: () => Root): OriginDisk {
  const files = new DiskFiles(clock, root);
  const start: StartDisk = (answered) => ({ post: (request) => { void files.answer(request).then(answered); }, end: () => undefined });
  return new OriginDisk(clock, root, new DiskLink(clock, start));
}

const fails = (name: string): Step => () => Promise.reject(new DOMException("as Chromium says it", name));
const never: Step = () => new Promise(() => undefined);

describe("a full disk", () => {
  it.each([
    ["is not created", { create: fails("InvalidStateError") }],
    ["is created and not found", { open: fails("NotFoundError") }],
    ["cannot be opened", { open: fails("UnknownError") }],
  ])("is named where a file %s", async (_, steps) => {
    const disk = diskOf(new ManualClock(), () => fileSystem(steps));
    await expect(disk.open("a")).rejects.toMatchObject({ name: "QuotaExceededError" });
  });

  it("is named where a file cannot be removed, and one that is not there needs no removal", async () => {
    await expect(diskOf(new ManualClock(), () => fileSystem({ remove: fails("InvalidStateError") })).remove("a")).rejects.toMatchObject({
      name: "QuotaExceededError",
    });
    await diskOf(new ManualClock(), () => fileSystem({ remove: fails("NotFoundError") })).remove("a");
  });

  it("gets back what a piece took that does not fit", async () => {
    const size = (): number => bytes.length;
    let bytes = new Uint8Array();
    const file: SyncFile = {
      ...handle(),
      getSize: size,
      truncate: (length) => { bytes = bytes.slice(0, length); },
      write: (piece, { at }) => {
        const count = Math.min(piece.length, 100, 250 - at);
        if (count <= 0) throw new DOMException("full", "QuotaExceededError");
        bytes = new Uint8Array([...bytes.slice(0, at), ...piece.subarray(0, count)]);
        return count;
      },
    };
    const open = await diskOf(new ManualClock(), () => fileSystem({ open: () => Promise.resolve(file) })).open("a");
    await open.write(new Uint8Array(150), 0); // in two parts
    await expect(open.write(new Uint8Array(150), 150)).rejects.toMatchObject({ name: "QuotaExceededError" });
    expect(size()).toBe(150);
  });

  it("is no reason for a file that another tab has open", async () => {
    const disk = diskOf(new ManualClock(), () => fileSystem({ open: fails("NoModificationAllowedError") }));
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
    const failure = work(diskOf(clock, () => fileSystem(steps)));
    const told = expect(failure).rejects.toMatchObject({ code: "unavailable", data: { reason: "blocked" }, message: /free disk space/ });
    await settle();
    clock.advance(DISK_PATIENCE_MS);
    await told;
  });

  it("leaves no file open that opens late", async () => {
    const clock = new ManualClock();
    let closed = 0;
    let open: (file: SyncFile) => void = () => undefined;
    const disk = diskOf(clock, () => fileSystem({ open: () => new Promise<SyncFile>((resolve) => { open = resolve; }) }));
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
    const disk = diskOf(clock, () => fileSystem());
    await (await disk.open("a")).close();
    expect(await (await disk.blob("a"))?.text()).toBe("abc");
    await disk.remove("a");
    expect(clock.now()).toBe(0);
  });
});

describe("a browser that never returns from a call on an open file", () => {
  it("costs one disk worker: its files fail as on a full disk, and the next file has a new worker", async () => {
    const clock = new ManualClock();
    const files = new DiskFiles(clock, () => fileSystem());
    let [started, ended] = [0, 0];
    const link = new DiskLink(clock, (answered) => {
      const blocked = ++started === 1;
      return {
        post: (request) => { if (!blocked || request.op === "open") void files.answer(request).then(answered); },
        end: () => { ended += 1; },
      };
    });
    const disk = new OriginDisk(clock, () => fileSystem(), link);
    const file = await disk.open("a");
    const told = expect(file.close()).rejects.toMatchObject({ name: "QuotaExceededError", message: /the disk is full/ });
    await settle();
    while (ended === 0 && clock.now() < 60_000) {
      expect(clock.now()).toBeLessThan(20_000);
      clock.advance((clock.next ?? 60_000) - clock.now());
    }
    expect(clock.now()).toBe(20_000);
    await told;
    expect([ended, disk.isStuck("a"), disk.isStuck("b")]).toEqual([1, true, false]);
    await expect(file.flush()).rejects.toMatchObject({ name: "QuotaExceededError" });
    await (await disk.open("b")).close();
    expect(started).toBe(2);
  });
});
