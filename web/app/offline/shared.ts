/** What another app shared to this one: the service worker keeps it until the app takes it. */

import { SHARED_CACHE } from "../../src/offline/files.ts";

export interface Shared {
  readonly text: string;
  readonly files: readonly File[];
}

/** The fragment that the service worker opens the app with. */
export const SHARED_HASH = "#shared";

/** Take what was shared; it is there once. Returns null if nothing was. */
export async function takeShared(caches: CacheStorage): Promise<Shared | null> {
  if (!(await caches.has(SHARED_CACHE))) return null;
  const cache = await caches.open(SHARED_CACHE);
  let text = "";
  const files: File[] = [];
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    if (response === undefined) continue;
    if (request.url.endsWith("/shared/text")) text = await response.text();
    else files.push(await fileOf(response));
  }
  await caches.delete(SHARED_CACHE);
  return text === "" && files.length === 0 ? null : { text, files };
}

async function fileOf(response: Response): Promise<File> {
  const type = response.headers.get("Content-Type") ?? "";
  return new File([await response.arrayBuffer()], decodeURIComponent(response.headers.get("X-Name") ?? "file"), { type });
}
