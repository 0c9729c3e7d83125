/** Comparisons of a scripted app: the answers of the script, one side after the other. */

import type { CompareRun } from "../state.ts";
import type { ScriptedApp, ScriptedHandlers } from "./app.ts";
import { make } from "./make.ts";
import { errorInfo, pieces } from "./script.ts";

export function compareHandlers(app: ScriptedApp): ScriptedHandlers {
  const change = (index: number, fields: Partial<CompareRun>): void => {
    app.change((state) => ({ ...state, compare: { ...state.compare, runs: state.compare.runs.map((run, at) => (at === index ? { ...run, ...fields } : run)) } }));
  };
  const answer = async (index: number, run: CompareRun, signal: AbortSignal): Promise<void> => {
    change(index, { status: "loading" });
    await app.clock.sleep(app.pace.loadMs, signal);
    const { error, ...script } = app.nextAnswer();
    change(index, { status: "streaming", engine: run.engine ?? "webllm", device: run.device ?? "webgpu" });
    let text = "";
    for (const piece of pieces(script)) {
      await app.clock.sleep(app.pace.chunkMs, signal);
      if (piece.kind === "text") change(index, { text: (text += piece.text) });
    }
    if (error) {
      change(index, { status: "error", error: errorInfo(error) });
      return;
    }
    const info = make("AnswerInfo", { where: "local", backend: "local", model: run.model, engine: run.engine ?? "webllm", device: run.device ?? "webgpu", ...script.info });
    change(index, { status: "done", answer: info });
  };
  return {
    "compare.run": async ({ prompt, models }, { signal }) => {
      const runs = models.map(([model, engine, device]) => make("CompareRun", { model, engine, device }));
      app.change((state) => ({ ...state, compare: { prompt, runs } }));
      try {
        for (const [index, run] of runs.entries()) await answer(index, run, signal);
      } finally {
        for (const [index, run] of app.state.compare.runs.entries()) {
          if (run.status === "waiting" || run.status === "loading" || run.status === "streaming") change(index, { status: "stopped" });
        }
      }
      return null;
    },
  };
}
