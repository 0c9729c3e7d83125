/** The app in a notebook's frame, over a pipe to the kernel's Python. */

import { BrowserLLMProvider, createClient, type AppPipe } from "@browserllm/react";
import { createRoot, type Root } from "react-dom/client";
import { App } from "./app.tsx";
import { FullPageProblem } from "./errors/full_page.tsx";

let shown: Root | null = null;

/** Show the app; another pipe takes the place of an earlier one. */
export function mount(root: HTMLElement, pipe: AppPipe): void {
  shown?.unmount();
  shown = createRoot(root);
  let used = false;
  // A client cannot connect again over the pipe of one that has ended.
  const connect = async (): Promise<ReturnType<typeof createClient>> => {
    if (used) throw new Error("Python is gone: run the cell of the notebook again");
    used = true;
    const client = createClient(pipe);
    await client.ready;
    return client;
  };
  shown.render(
    <BrowserLLMProvider connect={connect}>
      <App />
    </BrowserLLMProvider>,
  );
}

/** Show that Python is gone, and what to do in a notebook: nothing in this frame brings it back. */
export function end(reason: string): void {
  const error = {
    code: "disconnected",
    title: "Python is gone",
    message: `The connection is closed: ${reason}.`,
    remedy: "Run the cell again. Saved conversations are kept.",
    actions: [],
    data: {},
  };
  shown?.render(
    <main className="boot">
      <FullPageProblem error={error} />
    </main>,
  );
}
