/**
 * The page of a browser that Python launched: starts the engine worker and connects it to Python's WebSocket.
 * The socket's address comes in the fragment (`host.html#ws=<absolute ws url>`), because a fragment is
 * sent to no server. With `?headless` nobody sees the page.
 */

import type { ToWindow } from "../engine/window/messages.ts";
import type { SocketNews } from "../engine/worker.ts";
import { startEngine } from "../engine/start.ts";

type State = "starting" | "open" | "closed" | "crashed";

function show(state: State, text: string): void {
  const status = document.querySelector<HTMLElement>("#status");
  if (status === null) return;
  status.dataset["state"] = state;
  status.textContent = text;
}

/** The WebSocket's address from the fragment, percent-encoded or not; null when there is none that could be one. */
function socketUrl(fragment: string): string | null {
  const raw = /^#ws=(.+)$/.exec(fragment)?.[1];
  if (raw === undefined) return null;
  const url = /^wss?:/.test(raw) ? raw : decodeURIComponent(raw);
  return URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol) ? url : null;
}

function main(): void {
  const url = socketUrl(location.hash);
  if (url === null) {
    show("crashed", "This page is opened by browserllm with the address of its program; there is none in this URL.");
    return;
  }
  // The address holds a secret: not to stay in the bar, the history or a screenshot.
  history.replaceState(null, "", location.pathname + location.search);
  const engine = startEngine({ seen: !new URLSearchParams(location.search).has("headless") });
  engine.onCrash((reason) => {
    // A terminated worker's socket closes, so Python learns of it at once.
    engine.worker.terminate();
    show("crashed", `The engine crashed: ${reason}`);
  });
  engine.worker.addEventListener("message", ({ data }: MessageEvent<SocketNews | ToWindow>) => {
    if (data.type !== "socket") return;
    if (data.state === "open") show("open", "Connected to Python.");
    else show("closed", `Python has gone: ${data.reason}. You can close this page.`);
  });
  engine.worker.postMessage({ type: "connect", base: engine.base, url });
}

main();
