/** What a browser can do, and what it keeps for the next visit. */

/** Whether this browser offers WebGPU here, and has an adapter. Models run without it, on the CPU, but slowly. */
export async function isWebGPUSupported(): Promise<boolean> {
  const gpu = (navigator as { readonly gpu?: GPU }).gpu;
  try {
    return (await gpu?.requestAdapter()) != null;
  } catch {
    return false;
  }
}

/**
 * Keep what this visit has used, so that the next one works offline. It needs a page in the site's folder (a service worker sees no other),
 * over https or on localhost; elsewhere it does nothing. Returns whether it is kept.
 */
export async function keepForOffline(base: string): Promise<boolean> {
  const container = (navigator as { readonly serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  if (!container || !location.href.startsWith(base)) return false;
  try {
    const registration = await container.register(`${base}sw.js`, { scope: base, updateViaCache: "none" });
    const worker = registration.active ?? (await activated(registration));
    const { usedFiles } = (await import(/* @vite-ignore */ `${base}connect.js`)) as { usedFiles?: () => Promise<readonly string[]> };
    const { port1, port2 } = new MessageChannel();
    const kept = new Promise<boolean>((resolve) => { port1.onmessage = ({ data }) => { resolve(data === true); }; });
    worker.postMessage({ type: "keep", urls: [location.href, ...((await usedFiles?.()) ?? [])] }, [port2]);
    return await kept;
  } catch (error) {
    console.warn("This visit is not kept for later:", error);
    return false;
  }
}

function activated({ installing, waiting }: ServiceWorkerRegistration): Promise<ServiceWorker> {
  const worker = installing ?? waiting;
  return new Promise((resolve, reject) => {
    if (!worker) { reject(new Error("the service worker is not there")); return; }
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve(worker);
      if (worker.state === "redundant") reject(new Error("the service worker could not be installed"));
    });
  });
}
