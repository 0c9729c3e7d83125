/** The entry of the page that a notebook shows in a frame: the app of the kernel's Python, or a line about its engine. */

import "./theme.css";
import { version } from "../react/package.json";
import { startEngine } from "../src/engine/start.ts";
import { isFramed } from "../src/frame.ts";
import { askForPort, FrameLink } from "../src/notebook/link.ts";
import type { AppPipe } from "../src/connect/pipe.ts";
import type { FromFrame } from "../src/notebook/messages.ts";

async function main(): Promise<void> {
  const root = document.getElementById("root");
  if (!root) throw new Error("notebook.html has no #root");
  if (!isFramed()) {
    show(root, "closed", "This page belongs into a notebook: browserllm.notebook.ChatApp() shows it in the output of a cell.");
    return;
  }
  const origin = new URLSearchParams(location.hash.slice(1)).get("origin") ?? "";
  // The app keeps its own places there.
  history.replaceState(null, "", location.pathname + location.search);
  const { port, chat } = await askForPort(window, origin, version);
  if (!chat) show(root, "ready", "This browser computes for Python in this notebook. Keep this output open.");
  const showApp = (pipe: AppPipe): void => { void import("./notebook_app.tsx").then(({ mount }) => { mount(root, pipe); }); };
  const link = new FrameLink(port, () => startEngine(), showApp);
  if ("caches" in globalThis) caches.keys().catch(() => { port.postMessage({ type: "nothing_kept" } satisfies FromFrame); });
  link.over.add((reason) => {
    if (chat) void import("./notebook_app.tsx").then(({ end }) => { end(reason); });
    else show(root, "closed", `The connection to Python is closed: ${reason}.`);
  });
}

function show(root: HTMLElement, state: string, text: string): void {
  const line = document.createElement("p");
  line.className = "notebook-line";
  line.setAttribute("role", "status");
  line.dataset["state"] = state;
  line.textContent = text;
  root.replaceChildren(line);
}

void main();
