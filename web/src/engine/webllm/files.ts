/** Says which file of a model is missing: WebLLM's own error for a 404 names no URL. */

import { PageError } from "../errors.ts";
import { shardNames } from "./layout.ts";

export interface ModelFiles {
  /** The folder with the weights, as an absolute URL that ends in a slash. */
  readonly folder: string;
  readonly library: string;
}

/** An error for the first file that the server refuses; null when all are there, or when that cannot be found out. */
export async function findMissingFile({ folder, library }: ModelFiles, model: string): Promise<PageError | null> {
  const cacheList = new URL("tensor-cache.json", folder).href;
  const fixed = [new URL("mlc-chat-config.json", folder).href, library, cacheList, new URL("tokenizer.json", folder).href];
  for (const url of fixed) {
    const problem = await check(url, model);
    if (problem !== null) return problem;
  }
  for (const url of await shardUrls(cacheList)) {
    const problem = await check(url, model);
    if (problem !== null) return problem;
  }
  return null;
}

async function check(url: string, model: string): Promise<PageError | null> {
  if ((await caches.match(url)) !== undefined) return null; // a cached file is there, online or not
  try {
    const { status, ok } = await fetch(url, { method: "HEAD" });
    // A server that does not support HEAD says nothing about the file.
    if (ok || status === 405 || status === 501) return null;
    return refused(url, model, status);
  } catch (error) {
    return unanswered(url, model, error);
  }
}

export function refused(url: string, model: string, status: number): PageError {
  return new PageError("load_failed", `"${model}" could not be loaded: the server answered ${status} for ${url}`, { model, url, status });
}

export function unanswered(url: string, model: string, cause: unknown): PageError {
  const why = "no answer from the server (offline, blocked, or not shared with this site)";
  return new PageError("download_interrupted", `"${model}" could not be loaded: ${why} for ${url}`, { model, url }, cause);
}

async function shardUrls(cacheList: string): Promise<readonly string[]> {
  try {
    const response = (await caches.match(cacheList)) ?? (await fetch(cacheList));
    return shardNames(await response.json()).map((name) => new URL(name, cacheList).href);
  } catch {
    return []; // not JSON: the caller reports the library's own error
  }
}
