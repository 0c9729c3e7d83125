/** The window's side: carries out the worker's tasks that need a window, and reports the battery and whether the page is seen. */

import type { FromWindow, ToWindow } from "./messages.ts";
import { watchBattery, type BatteryNavigator } from "./battery.ts";
import { windowEngines } from "./engines.ts";
import { askForFolder } from "./folder.ts";
import { watchVisibility } from "./visibility.ts";

/** Serve a worker for as long as the page lives. `seen`: whether a user can see this window and answer. */
export function serveWindow(worker: Worker, seen: boolean): void {
  const controls = new Map<number, AbortController>();
  const post = (message: FromWindow): void => { worker.postMessage(message); };
  worker.addEventListener("message", ({ data }: MessageEvent<ToWindow>) => {
    if (data.type === "ask_over") controls.get(data.id)?.abort();
    if (data.type === "open") void windowEngines.find(({ name }) => name === data.engine)?.serve(data.port);
    if (data.type !== "ask") return;
    const { id } = data;
    const over = new AbortController();
    controls.set(id, over);
    const doing = data.task === "persist" ? navigator.storage.persist() : askForFolder(data.prompt, over.signal);
    doing
      .then(
        (value) => {
          if (value === null) post({ type: "answer", id, ok: false, cancelled: true, message: "the user chose no folder" });
          else post({ type: "answer", id, ok: true, value });
        },
        (error: unknown) => {
          const message = error instanceof Error ? error.message : String(error);
          post({ type: "answer", id, ok: false, cancelled: false, message });
        },
      )
      .finally(() => { controls.delete(id); });
  });
  post({ type: "window", seen, engines: windowEngines.filter((engine) => engine.isThere()).map(({ name }) => name) });
  void watchBattery(navigator as BatteryNavigator, (battery) => { post({ type: "battery", battery }); });
  watchVisibility(document, (visibility) => { post({ type: "visibility", visibility }); });
}
