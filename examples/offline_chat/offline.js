/** Makes the chat an app that is installed and works without a network: two service workers, and a line that says so. */

// The folder that `browserllm build` wrote; on your site perhaps "/llm/".
const SITE = new URL("../../", import.meta.url).href;
const CACHE = "offline-chat";
const KEPT = new URL("kept", import.meta.url).href;

const line = document.getElementById("offline");
const install = document.getElementById("install");

async function start() {
  if (!("serviceWorker" in navigator)) return say("Works with a network only: service workers need https or localhost.");
  await navigator.serviceWorker.register(new URL("sw.js", import.meta.url));
  if (!(await isKept())) return say("After the first answer it works without a network.");
  say("Works without a network.");
  void keepSite(); // a new version of the site is fetched in the background
}

async function isKept() {
  return (await (await caches.open(CACHE)).match(KEPT)) !== undefined;
}

/** Keep the site's files, and those of the engine and the model that have been used. */
async function keep() {
  if (!(await isKept())) say("Keeping it for visits without a network…");
  const [worker] = await Promise.all([keepSite(), navigator.serviceWorker.ready]);
  const { usedFiles } = await import(`${SITE}connect.js`);
  const { port1, port2 } = new MessageChannel();
  const kept = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
  worker.postMessage({ type: "keep", urls: await usedFiles() }, [port2]);
  if (!(await kept)) throw new Error("a file could not be fetched");
  await (await caches.open(CACHE)).put(KEPT, new Response());
  say("Works without a network.");
}

/** Register the site's service worker, and wait until it has fetched what every visit needs. */
async function keepSite() {
  const registration = await navigator.serviceWorker.register(`${SITE}sw.js`, { updateViaCache: "none" });
  if (registration.active) return registration.active;
  const worker = registration.installing ?? registration.waiting;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === "activated") resolve(worker);
      if (worker.state === "redundant") reject(new Error("the site's files could not be fetched"));
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

function say(text) {
  line.textContent = text;
}

document.addEventListener("answered", () => {
  if (!("serviceWorker" in navigator)) return;
  keep().catch(async (error) => say((await isKept()) ? "Works without a network." : `Not kept: ${error.message}. The next answer tries again.`));
});

// Chromium offers to install the page; other browsers have it in their menus.
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  install.hidden = false;
  install.onclick = () => {
    install.hidden = true;
    void event.prompt();
  };
});

start().catch((error) => say(`Not kept: ${error.message}`));
