/**
 * `connect.js` of a site that a Python process serves: the app runs in that process, this page draws and computes.
 *
 * The address that the process prints has a key in its fragment, which opens both WebSockets: `/app` for the app's texts,
 * and `/host` for the engine worker. The fragment is never sent to a server, and is taken out of the address bar.
 */

import { startEngine, type EngineHandle } from "../engine/start.ts";
import { Listeners } from "@browserllm/react/listeners";
import type { AppPipe, OnBoot } from "./pipe.ts";

const BASE = new URL("./", import.meta.url).href;
const KEPT = "browserllm-key";
const RETRY_MS = 1000;

let engine: EngineHandle | null = null;
let key = "";

/** Connect to the process that serves this page. */
export async function connect(onBoot?: OnBoot): Promise<AppPipe> {
  onBoot?.({ text: "Connecting to Python", fraction: null });
  key = takeKey();
  const socket = await openSocket(address("app", key));
  engine ??= offerEngine();
  const texts = new Listeners<string>();
  const closed = new Listeners<string>();
  let closing = false;
  socket.onmessage = ({ data }) => { texts.tell(String(data)); };
  socket.onclose = () => {
    if (!closing) closed.tell("the Python process has ended; start it again and reload the page");
  };
  return {
    send: (text) => { socket.send(text); },
    onText: (listener) => texts.add(listener),
    onClose: (listener) => closed.add(listener),
    close: () => {
      closing = true;
      socket.close();
    },
  };
}

/** Start the engine and offer it to the process, which uses one page's at a time: this one may be the next. */
function offerEngine(): EngineHandle {
  const offered = startEngine({ base: BASE });
  // With the newest key: a process that was started again has another one.
  const offer = (): void => { offered.worker.postMessage({ type: "connect", base: BASE, secret: key }); };
  offered.worker.addEventListener("message", ({ data }: MessageEvent<{ type: string; state?: string }>) => {
    if (data.type === "socket" && data.state === "closed") setTimeout(offer, RETRY_MS);
  });
  offer();
  return offered;
}

function takeKey(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given !== null) {
    sessionStorage.setItem(KEPT, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem(KEPT) ?? "";
}

function address(path: string, key: string): string {
  const url = new URL(path, BASE);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("token", key);
  return url.href;
}

function openSocket(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => { resolve(socket); };
    socket.onerror = () => {
      reject(new Error(
        "the Python process does not accept this page: it has ended, or was started again with another key; open the address that it printed",
      ));
    };
  });
}
