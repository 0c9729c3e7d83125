/** Where the app's service worker is at work, it keeps this page too, once it has been seen. */

void navigator.serviceWorker?.ready.then(({ active }) => {
  const seen = performance.getEntriesByType("resource").map(({ name }) => name);
  active?.postMessage({ type: "keep", urls: [location.href.replace(/[?#].*/, ""), ...seen] });
});
