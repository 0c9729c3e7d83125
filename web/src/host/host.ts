/**
 * The page of a browser that Python launched: starts the engine worker, which connects to Python's WebSocket.
 *
 * What the page must know comes over the browser's debugging pipe, as a global that is there before this script runs:
 * only the program that launched the browser can set it, and it is in no address, history or log.
 */

import type { ToWindow } from "../engine/window/messages.ts";
import type { SocketNews } from "../engine/worker.ts";
import { startEngine } from "../engine/start.ts";
import { unlessFramed } from "../frame.ts";
import { takeLaunch } from "./launch.ts";

type State = "starting" | "open" | "closed" | "crashed";

function show(state: State, text: string): void {
  const status = document.querySelector<HTMLElement>("#status");
  if (status === null) return;
  status.dataset["state"] = state;
  status.textContent = text;
}

function main(): void {
  const launch = takeLaunch(globalThis);
  if (launch === null) {
    show("crashed", "This page works only in a browser that a Python program launched, and is opened by that program.");
    return;
  }
  const engine = startEngine({ seen: launch.seen });
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
  engine.worker.postMessage({ type: "connect", base: engine.base, secret: launch.secret });
}

unlessFramed(main);
