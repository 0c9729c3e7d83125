/** Makes the chat an app that is installed and works without a network: two service workers, and a line that says so. */

// The folder that `browserllm build` wrote; on your site perhaps "/llm/".
const SITE = new URL("../../", import.meta.url).href;
const CACHE = "offline-chat";
const KEPT = new URL("kept", import.meta.url).href;

const line = document.getElementById("offline");
const install = document.getElementById("install");

async function start() {
  if (!("serviceWorker" in navigator)) return say("Works with a network only: service workers need https or localhost.");
  if (!(await isKept())) return say("After the first answer it works without a network.");
  say("Works without a network.");
  await Promise.all([keepPage(), keepSite()]); // a new version is fetched in the background
}

async function isKept() {
  return (await (await caches.open(CACHE)).match(KEPT)) !== undefined;
}

/** Keep the page, the site's files, and those of the engine and the model that have been used. */
async function keep() {
  if (!(await isKept())) say("Keeping it for visits without a network…");
  const [site] = await Promise.all([keepSite(), keepPage()]);
  const { usedFiles } = await import(`${SITE}connect.js`);
  const { port1, port2 } = new MessageChannel();
  const kept = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
  site.postMessage({ type: "keep", urls: await usedFiles() }, [port2]);
  if (!(await kept)) throw new Error("a file could not be fetched");
  await (await caches.open(CACHE)).put(KEPT, new Response());
  say("Works without a network.");
}

const keepPage = () => activate(new URL("sw.js", import.meta.url));

const keepSite = () => activate(`${SITE}sw.js`);

/** Register a service worker, and wait until it has fetched what every visit needs. */
async function activate(script) {
  const registration = await navigator.serviceWorker.register(script, { updateViaCache: "none" });
  if (registration.active) return registration.active;
  const worker = registration.installing ?? registration.waiting;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === "activated") resolve(worker);
      if (worker.state === "redundant") reject(new Error("a file of the page or of the site could not be fetched"));
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

start().catch((error) => console.warn(error)); // what is kept stays
