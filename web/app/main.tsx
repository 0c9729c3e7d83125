/** The entry of the page: the app, connected to Python. */

import { BrowserLLMProvider } from "@browserllm/react";
import { createRoot } from "react-dom/client";
import { unlessFramed } from "../src/frame.ts";
import { App } from "./app.tsx";

unlessFramed(() => {
  const root = document.getElementById("root");
  if (!root) throw new Error("index.html has no #root");
  createRoot(root).render(
    <BrowserLLMProvider>
      <App />
    </BrowserLLMProvider>,
  );
});
