/** connect: it imports a site's connect.js, once for each base. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cancelConnect, connect } from "@browserllm/react/connect";
import type { AppPipe, Boot } from "@browserllm/react";
import { ScriptedApp } from "@browserllm/react/testing";

let folder = "";
let base = "";
const starts = vi.fn<(onBoot: (boot: Boot) => void) => Promise<AppPipe>>();
const cancels = vi.fn<() => void>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "site-"));
  base = pathToFileURL(folder).href;
  writeFileSync(join(folder, "connect.js"), "export const connect = (onBoot) => globalThis.startSite(onBoot);\nexport const cancelStart = () => globalThis.cancelSite();\n");
  starts.mockReset();
  cancels.mockReset();
  vi.stubGlobal("startSite", starts);
  vi.stubGlobal("cancelSite", cancels);
  vi.stubGlobal("document", { baseURI: `${base}/index.html` });
});

afterEach(() => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

/** Let imports and the scripted app go on until there is a result. */
async function settled<T>(app: ScriptedApp | null, result: Promise<T>): Promise<T> {
  const done = new AbortController();
  void result.catch(() => undefined).finally(() => { done.abort(); });
  while (!done.signal.aborted) {
    await app?.advance(0);
    await new Promise((resolve) => { setTimeout(resolve, 1); });
  }
  return result;
}

test("a page has one client for a base, however it is written, and all callers see the boot", async () => {
  const app = new ScriptedApp();
  const boots: [string, Boot][] = [];
  let boot: (boot: Boot) => void = () => undefined;
  let ready: (pipe: AppPipe) => void = () => undefined;
  starts.mockImplementation((onBoot) => {
    boot = onBoot;
    return new Promise((resolve) => { ready = resolve; });
  });
  const first = connect({ base, onBoot: (now) => boots.push(["first", now]) });
  await vi.waitFor(() => { expect(starts).toHaveBeenCalledTimes(1); });
  boot({ text: "Starting Python", fraction: null });
  const second = connect({ base: `${base}/`, onBoot: (now) => boots.push(["second", now]) });
  boot({ text: "Ready", fraction: 1 });
  ready(app.pipe);
  expect(await settled(app, second)).toBe(await first);
  expect(starts).toHaveBeenCalledTimes(1);
  expect((await first).getState().status).toBe("ready");
  expect(boots).toEqual([
    ["first", { text: "Starting Python", fraction: null }],
    ["second", { text: "Starting Python", fraction: null }],
    ["first", { text: "Ready", fraction: 1 }],
    ["second", { text: "Ready", fraction: 1 }],
  ]);
});

test("what has failed or ended may be tried again", async () => {
  starts.mockRejectedValueOnce(new Error("no WebAssembly"));
  await expect(settled(null, connect({ base }))).rejects.toThrow("no WebAssembly");
  const app = new ScriptedApp();
  starts.mockResolvedValueOnce(app.pipe);
  const client = await settled(app, connect({ base }));
  app.crash();
  const again = new ScriptedApp({ state: { version: "2" } });
  starts.mockResolvedValueOnce(again.pipe);
  const next = await settled(again, connect({ base }));
  expect(next).not.toBe(client);
  expect(next.getState().version).toBe("2");
});

test("a site that is not there is an error that names the address, and is asked for again under another", async () => {
  rmSync(join(folder, "connect.js"));
  const address = `${base}/connect.js`;
  await expect(settled(null, connect({ base: "./" }))).rejects.toMatchObject({ code: "connect_failed", data: { address } });
  await expect(settled(null, connect({ base: "./" }))).rejects.toMatchObject({ data: { address: `${address}?attempt=2` } });
});

test("on a server, only what needs the connection fails", async () => {
  vi.stubGlobal("document", undefined);
  await expect(connect({ base: "/llm/" })).rejects.toMatchObject({ code: "unavailable" });
});

test("a start is given up unless another part of the page waits for it, and the next call begins anew", async () => {
  let fail: (error: Error) => void = () => undefined;
  starts.mockImplementation(() => new Promise((_, reject) => { fail = reject; }));
  cancels.mockImplementation(() => { fail(new Error("the start was cancelled")); });
  const alone = connect({ base });
  await vi.waitFor(() => { expect(starts).toHaveBeenCalledTimes(1); });
  cancelConnect(`${base}/`);
  await expect(alone).rejects.toThrow("cancelled");
  expect(cancels).toHaveBeenCalledTimes(1);
  const [first, second] = [connect({ base }), connect({ base })];
  await vi.waitFor(() => { expect(starts).toHaveBeenCalledTimes(2); });
  cancelConnect(base);
  expect(cancels).toHaveBeenCalledTimes(1);
  fail(new Error("another reason"));
  await expect(Promise.all([first, second])).rejects.toThrow("another reason");
});

test("a start that is given up before its script is there does not begin", async () => {
  const given = connect({ base });
  cancelConnect(base);
  await expect(given).rejects.toMatchObject({ code: "cancelled" });
  expect(starts).not.toHaveBeenCalled();
});
