/** The chat page: starts the engine and Python, and draws the state that Python sends. */

import { startEngine } from "../engine/start.ts";
import { unlessFramed } from "../frame.ts";
import { startPython } from "../python/page.ts";
import { INITIAL, readFromApp, type ChatState } from "./state.ts";
import { ChatView } from "./view.ts";

const MAIN = "from browserllm.app.page import main; main()";

function main(): void {
  let state: ChatState = INITIAL;
  const engine = startEngine();
  const python = startPython(engine);
  const act = (action: Readonly<Record<string, unknown>>): void => { python.sendUi(JSON.stringify(action)); };
  const view = new ChatView({
    send: (text) => { act({ action: "send", text }); },
    stop: () => { act({ action: "stop" }); },
    retry: () => { act({ action: "start" }); },
  });
  const patch = (change: Partial<ChatState>): void => {
    state = { ...state, ...change };
    view.draw(state);
  };
  const fail = (message: string, remedy: string): void => {
    patch({ status: "error", progress: null, error: { code: "internal", message, remedy } });
  };

  window.browserllm = python.console;
  view.draw(state);

  python.onBoot((text, fraction) => {
    if (state.status === "starting") patch({ progress: { phase: "starting", text, fraction } });
  });
  python.onUi((text) => {
    const message = readFromApp(text);
    switch (message.type) {
      case "state":
        patch(message.patch);
        return;
      case "message":
        view.addMessage(message.id, message.role, message.text);
        return;
      case "append":
        view.append(message.id, message.text);
        return;
      case "done":
        view.finish(message.id, message.finish_reason);
    }
  });
  engine.onCrash((reason) => { fail(`The engine stopped: ${reason}`, "Reload the page."); });
  python.ready
    .then(() => python.run(MAIN))
    .then(
      () => { act({ action: "start" }); },
      (error: unknown) => { fail(error instanceof Error ? error.message : String(error), "Reload the page."); },
    );
}

unlessFramed(main);
