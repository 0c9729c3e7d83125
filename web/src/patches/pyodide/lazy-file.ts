/**
 * What: has a file of Python's file system fetched when Python first opens it, by a getter on the node of Emscripten's
 * in-memory file system.
 * Why: a page that starts from the snapshot needs the standard library's archive (4.5 MB) only when it imports a module
 * that the snapshot does not have. Emscripten's own `FS.createLazyFile` asks the server for ranges, block by block.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/pyodide.test.ts.
 */

import type { PyodideAPI } from "pyodide";

interface FileNode {
  contents: Uint8Array;
  usedBytes: number;
}

/**
 * Let a file of Python's be read from `url` when Python opens it first; its name is `path`, its size is known. Returns a function
 * that puts the bytes there before Python asks.
 */
export function serveLazily(pyodide: PyodideAPI, path: string, url: string, sizeBytes: number): (contents: Uint8Array) => void {
  const { FS } = pyodide as unknown as {
    FS: { lookupPath(path: string): { node: FileNode }; ErrnoError: new (errno: number) => Error };
  };
  const { node } = FS.lookupPath(path);
  node.usedBytes = sizeBytes;
  Object.defineProperty(node, "contents", {
    configurable: true,
    get: () => {
      let contents: Uint8Array;
      try {
        contents = fetchNow(url, sizeBytes);
      } catch (error) {
        // Python gets what it understands, an OSError; the reason goes where a developer looks.
        console.error(error);
        throw new FS.ErrnoError(EIO);
      }
      fill(contents);
      return contents;
    },
  });
  const fill = (contents: Uint8Array): void => {
    Object.defineProperty(node, "contents", { configurable: true, writable: true, value: contents });
  };
  return fill;
}

/** Emscripten's number for an input/output error. */
const EIO = 29;

/** A file's bytes, at once: importing a module cannot wait in any other way. Allowed in workers only. */
function fetchNow(url: string, sizeBytes: number): Uint8Array {
  const request = new XMLHttpRequest();
  request.open("GET", url, false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${url} could not be fetched: the server answered ${request.status}`);
  const contents = new Uint8Array(request.response as ArrayBuffer);
  if (contents.length !== sizeBytes) {
    throw new Error(`${url} has ${contents.length} bytes instead of ${sizeBytes}: the site changed; reload the page`);
  }
  return contents;
}
