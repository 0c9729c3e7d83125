/**
 * The site's `sw.js`: keeps the site on the device, so that it opens without a network, takes what is shared to it, and the
 * models that the browser has fetched while the site was closed.
 *
 * The build puts `self.BROWSERLLM_FILES = {...};` above this code, so that a changed file makes a changed worker. A page may
 * send `{type: "update"}` (take over now), `{type: "opened"}` (a page is there), `{type: "keep", urls}` (keep these files; answers a port with whether they are) and `{type: "version"}`.
 */

import { Arrivals } from "./arrivals.ts";
import { BACKGROUND_ENDED, BackgroundRecords, type BackgroundFetchRegistration } from "./background.ts";
import { SiteCache } from "./cache.ts";
import { SHARED_CACHE, pathOf, type SiteFiles } from "./files.ts";

/** The parts of a service worker's scope that are used here; TypeScript's libraries offer a page's. */
interface Scope {
  readonly BROWSERLLM_FILES: SiteFiles;
  readonly registration: { readonly scope: string; readonly installing: unknown; readonly waiting: unknown };
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { includeUncontrolled: boolean; type?: "window" }): Promise<readonly { postMessage(message: unknown): void }[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: Extendable) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: `backgroundfetch${"success" | "fail" | "abort" | "click"}`, listener: (event: BackgroundFetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: MessageEvent<unknown> & Extendable) => void): void;
}

interface Extendable {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface BackgroundFetchEvent extends Extendable {
  readonly registration: BackgroundFetchRegistration;
}

const worker = self as unknown as Scope;
const scope = new URL(worker.registration.scope);
const site = new SiteCache(worker.BROWSERLLM_FILES, scope, caches, (input, init) => fetch(input, init));

worker.addEventListener("install", (event) => {
  event.waitUntil(site.install());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(removeOld().then(() => worker.clients.claim()));
});

/**
 * Delete the versions before this one. Not while several tabs are open: one may be of such a version, and fetches parts of itself
 * when it needs them. Nor while a later version is on its way: it has a cache already.
 */
async function removeOld(): Promise<void> {
  const tabs = await worker.clients.matchAll({ includeUncontrolled: true, type: "window" });
  const { installing, waiting } = worker.registration;
  if (tabs.length <= 1 && installing === null && waiting === null) await site.removeOld();
}

worker.addEventListener("message", (event) => {
  const data = event.data as { readonly type?: unknown; readonly urls?: unknown } | null;
  if (data?.type === "update") event.waitUntil(worker.skipWaiting());
  if (data?.type === "opened") event.waitUntil(removeOld());
  if (data?.type === "version") event.ports[0]?.postMessage(worker.BROWSERLLM_FILES.version);
  if (data?.type === "keep" && Array.isArray(data.urls)) {
    const paths = data.urls.map((url) => pathOf(new URL(String(url), scope), scope)).filter((path) => path !== null);
    // A file that cannot be kept now will be at the next visit.
    const kept = site.keep(paths).then(() => true, (error: unknown) => { console.warn(error); return false; });
    event.waitUntil(kept.then((done) => { event.ports[0]?.postMessage(done); }));
  }
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = pathOf(new URL(request.url), scope);
  if (path === "share" && request.method === "POST") event.respondWith(takeShared(request));
  else if (request.method === "GET" && path !== null && (site.has(path) || path.startsWith("assets/"))) event.respondWith(site.answer(path, request));
});

const arrivals = new Arrivals(new BackgroundRecords(caches, scope), caches, navigator.locks);

/** Take what a fetch by the browser has brought, and tell the pages that are open. */
async function takeFetched({ registration }: BackgroundFetchEvent): Promise<void> {
  const record = await arrivals.take(registration);
  if (record === null) return;
  for (const client of await worker.clients.matchAll({ includeUncontrolled: true })) client.postMessage({ type: BACKGROUND_ENDED });
}

worker.addEventListener("backgroundfetchsuccess", (event) => { event.waitUntil(takeFetched(event)); });
worker.addEventListener("backgroundfetchfail", (event) => { event.waitUntil(takeFetched(event)); });
worker.addEventListener("backgroundfetchabort", (event) => { event.waitUntil(takeFetched(event)); });
worker.addEventListener("backgroundfetchclick", (event) => {
  event.waitUntil(worker.clients.openWindow(new URL("./#models", scope).href));
});

/** Put what another app shared where the chat app finds it, and open that. */
async function takeShared(request: Request): Promise<Response> {
  const form = await request.formData();
  const cache = await caches.open(SHARED_CACHE);
  const texts = ["title", "text", "url"].map((name) => form.get(name)).filter((text): text is string => typeof text === "string" && text !== "");
  await cache.put(new URL("shared/text", scope).href, new Response(texts.join("\n")));
  const files = form.getAll("files").filter((file) => file instanceof File);
  for (const [index, file] of files.entries()) {
    const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
    await cache.put(new URL(`shared/files/${index}`, scope).href, new Response(file, { headers }));
  }
  return Response.redirect(new URL("./#shared", scope).href, 303);
}
