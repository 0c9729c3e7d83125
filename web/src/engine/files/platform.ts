/** The browser's functions that the downloader uses, so that tests can replace them. */

import { PageError } from "../errors.ts";
import { systemClock, type Clock } from "../clock.ts";
import { OriginDisk, type Disk } from "./disk.ts";

export interface Platform {
  fetch(url: string, init: RequestInit): Promise<Response>;
  online(): boolean;
  /** The site's own origin. Responses from there need no CORS headers. */
  readonly origin: string;
  readonly clock: Clock;
  /** Epoch milliseconds. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  readonly disk: Disk;
  readonly caches: CacheStorage;
  /** Run `task` while no other code, in any tab, has the lock of this name. */
  exclusively(name: string, signal: AbortSignal, task: () => Promise<void>): Promise<void>;
  /** How many more bytes may be stored; null if the browser does not report it. */
  available(): Promise<number | null>;
}

export function browserPlatform(): Platform {
  return {
    fetch: (url, init) => fetch(url, init),
    online: () => navigator.onLine,
    origin: self.location.origin,
    clock: systemClock,
    now: () => Date.now(),
    random: () => Math.random(),
    disk: new OriginDisk(),
    get caches() {
      if ("caches" in self) return self.caches;
      const message = "the browser stores nothing for this page: serve it over https or from localhost";
      throw new PageError("unavailable", message, { reason: "insecure_context" });
    },
    exclusively: (name, signal, task) => navigator.locks.request(name, { signal }, task),
    available: async () => {
      const { quota, usage } = await navigator.storage.estimate();
      return quota === undefined || usage === undefined ? null : Math.max(0, quota - usage);
    },
  };
}
