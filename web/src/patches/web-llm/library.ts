/**
 * What: gives WebLLM a model's library as a blob URL that it only has to read.
 * Why: web-llm 0.2.86 reads a library from its cache unless the URL contains "localhost" or does not begin with "http";
 * those it fetches each time, and nothing can stop that. So a stored library is read here, whatever its origin, and one
 * that WebLLM would not store (a file of this computer, or of the site itself: the HTTP cache keeps those, and can
 * refresh them) is fetched here, where a cancelled load ends it.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/web_llm.test.ts.
 */

import { refused, unanswered } from "../../engine/webllm/files.ts";

export interface Library {
  /** For `ModelRecord.model_lib`. */
  readonly url: string;
  release(): void;
}

export async function openLibrary(url: string, model: string, signal: AbortSignal): Promise<Library> {
  const stored = await caches.match(url, { cacheName: "webllm/wasm", ignoreVary: true });
  const leaveIt = stored === undefined && new URL(url).origin !== location.origin && !url.includes("localhost");
  if (leaveIt) return { url, release: () => undefined };
  const response = stored ?? (await fetchLibrary(url, model, signal));
  const address = URL.createObjectURL(await response.blob());
  return { url: address, release: () => { URL.revokeObjectURL(address); } };
}

async function fetchLibrary(url: string, model: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw unanswered(url, model, error);
  }
  if (response.ok) return response;
  throw refused(url, model, response.status);
}
