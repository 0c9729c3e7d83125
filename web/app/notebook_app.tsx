/** The app in a notebook's frame, over a pipe to the kernel's Python. */

import { BrowserLLMProvider, createClient, type AppPipe } from "@browserllm/react";
import { createRoot, type Root } from "react-dom/client";
import { App } from "./app.tsx";

let shown: Root | null = null;

/** Show the app; another pipe takes the place of an earlier one. */
export function mount(root: HTMLElement, pipe: AppPipe): void {
  shown?.unmount();
  shown = createRoot(root);
  let used = false;
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
