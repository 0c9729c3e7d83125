import { describe, expect, it } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import { readFolder } from "../../web/src/engine/window/folder.ts";
import { WindowLink } from "../../web/src/engine/window/link.ts";
import type { ToWindow } from "../../web/src/engine/window/messages.ts";
import { settle } from "./helpers.ts";

function setUp(): { link: WindowLink; asked: ToWindow[] } {
  const asked: ToWindow[] = [];
  const link = new WindowLink((message) => asked.push(message));
  link.receive({ type: "window", seen: true, engines: ["fake"] });
  return { link, asked };
}

const idle = new AbortController().signal;

describe("what only a window can do", () => {
  it("is asked of it, and answered in any order", async () => {
    const { link, asked } = setUp();
    const folder = { name: "m", files: [] };
    const picking = link.pickFolder("Which?", idle);
    const persisting = link.persist();
    expect(asked).toEqual([
      { type: "ask", id: 1, task: "pick_folder", prompt: "Which?" },
      { type: "ask", id: 2, task: "persist" },
    ]);
    expect(link.receive({ type: "answer", id: 2, ok: true, value: true })).toBe(true);
    expect(link.receive({ type: "answer", id: 1, ok: true, value: folder })).toBe(true);
    expect(await persisting).toBe(true);
    expect(await picking).toBe(folder);
  });

  it("is unavailable where no window answers", async () => {
    const link = new WindowLink(() => { throw new Error("there is no page"); });
    await expect(link.persist()).rejects.toMatchObject({ code: "unavailable", data: { reason: "no_window" } });
    await expect(link.pickFolder("", idle)).rejects.toMatchObject({ code: "unavailable", data: { reason: "no_window" } });
  });

  it("is not asked of a person in a window that is not visible", async () => {
    const { link, asked } = setUp();
    link.receive({ type: "window", seen: false, engines: [] });
    await expect(link.pickFolder("", idle)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("models.add(folder)") as string,
      data: { reason: "no_window" },
    });
    expect(asked).toEqual([]);
    const persisting = link.persist();
    link.receive({ type: "answer", id: 1, ok: true, value: false });
    expect(await persisting).toBe(false);
  });

  it("is taken back when its caller is gone", async () => {
    const { link, asked } = setUp();
    const controller = new AbortController();
    const picking = link.pickFolder("", controller.signal);
    controller.abort(new PageError("cancelled", "request 3 was cancelled"));
    await expect(picking).rejects.toMatchObject({ code: "cancelled", message: "request 3 was cancelled" });
    expect(asked.at(-1)).toEqual({ type: "ask_over", id: 1 });
    link.receive({ type: "answer", id: 1, ok: true, value: { name: "late", files: [] } });
    await expect(link.pickFolder("", controller.signal)).rejects.toMatchObject({ code: "cancelled" });
    expect(asked).toHaveLength(2);
  });

  it("is not taken back after it was answered", async () => {
    const { link, asked } = setUp();
    const controller = new AbortController();
    const picking = link.pickFolder("", controller.signal);
    link.receive({ type: "answer", id: 1, ok: true, value: { name: "m", files: [] } });
    await picking;
    controller.abort();
    await settle();
    expect(asked).toHaveLength(1);
  });

  it("may be refused by the person, or fail", async () => {
    const { link } = setUp();
    const refused = link.pickFolder("", idle);
    link.receive({ type: "answer", id: 1, ok: false, cancelled: true, message: "the user chose no folder" });
    await expect(refused).rejects.toMatchObject({ code: "cancelled", message: "the user chose no folder" });
    const failed = link.persist();
    link.receive({ type: "answer", id: 2, ok: false, cancelled: false, message: "no room" });
    await expect(failed).rejects.toMatchObject({ code: "internal", message: "the page failed: no room" });
    const empty = link.pickFolder("", idle);
    link.receive({ type: "answer", id: 3, ok: true, value: 7 });
    await expect(empty).rejects.toMatchObject({ code: "internal" });
  });

  it("may be half of an engine, which is reached over a port", () => {
    const { link, asked } = setUp();
    expect([link.has("fake"), link.has("other")]).toEqual([true, false]);
    const port = link.open("fake");
    expect(asked).toEqual([{ type: "open", engine: "fake", port: expect.any(MessagePort) as MessagePort }]);
    port.close();
  });

  it("leaves other messages of the page alone", () => {
    expect(setUp().link.receive({ type: "connect" })).toBe(false);
  });
});

describe("a chosen folder", () => {
  const file = (name: string, webkitRelativePath: string): File => Object.assign(new File([], name), { webkitRelativePath });

  it("has paths without its own name", () => {
    const { name, files } = readFolder([file("config.json", "model/config.json"), file("a.onnx", "model/onnx/a.onnx")]);
    expect(name).toBe("model");
    expect(files.map(({ path }) => path)).toEqual(["config.json", "onnx/a.onnx"]);
  });

  it("may be files chosen one by one", () => {
    expect(readFolder([file("config.json", "")]).files.map(({ path }) => path)).toEqual(["config.json"]);
    expect(readFolder([])).toEqual({ name: "", files: [] });
  });
});
