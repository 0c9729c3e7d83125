/** Keeps this page on the device. What the models need is kept by the built site's own service worker. */

const CACHE = "offline-chat"; // a name that no other page of this origin uses
const FILES = ["./", "page.css", "page.js", "offline.js", "app.webmanifest", "icon.svg", "../../widget.js"];

const OWN = new Set(FILES.map((file) => new URL(file, self.location).href));

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })))));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || !event.request.url.startsWith(self.location.origin)) return;
  event.respondWith(answer(event));
});

/** A kept file at once, from any cache of this origin. Those of this page are fetched anew for the next visit. */
async function answer(event) {
  const { request } = event;
  const kept = await caches.match(request, { ignoreSearch: true });
  if (kept === undefined) return fetch(request);
  if (OWN.has(request.url)) event.waitUntil(renew(request).catch(() => undefined)); // without a network the old one stays
  return kept;
}

async function renew(request) {
  const response = await fetch(request.url, { cache: "no-cache" });
  if (response.ok) await (await caches.open(CACHE)).put(request.url, response);
}
