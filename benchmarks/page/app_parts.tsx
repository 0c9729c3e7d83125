/** Parts of the app by themselves, for benchmarks/app.py: Markdown beside rendering the whole text, and patches. */

import { createRoot } from "react-dom/client";
import { flushSync } from "react-dom";
import { Markdown } from "../../web/app/markdown/markdown.tsx";
import { renderBlock } from "../../web/app/markdown/render.ts";
import { applyPatches, type Patch } from "../../web/react/src/patches.ts";

const words = { copyCode: "Copy", table: "Table", rowsLeftOut: () => "" };

/** Milliseconds of each update of a growing text, layout included: ours, or the whole text with the same renderer. */
function markdown(tokens: readonly string[], step: number, whole: boolean): number[] {
  const host = document.createElement("div");
  host.style.width = "700px";
  document.body.append(host);
  const root = whole ? null : createRoot(host);
  const times: number[] = [];
  let text = "";
  for (let at = 0; at < tokens.length; at += step) {
    text += tokens.slice(at, at + step).join("");
    const begin = performance.now();
    if (root) flushSync(() => { root.render(<Markdown text={text} streaming />); });
    else host.replaceChildren(renderBlock(text, "", words));
    void host.offsetHeight;
    times.push(performance.now() - begin);
  }
  root?.unmount();
  host.remove();
  return times;
}

/** Microseconds of applying each patch, one after another; `rounds` times. */
function patching(state: unknown, patches: readonly Patch[], rounds: number): number {
  let now = state;
  const begin = performance.now();
  for (let round = 0; round < rounds; round += 1) now = applyPatches(now, patches);
  const took = performance.now() - begin;
  if (now === state) throw new Error("the patches changed nothing");
  return (took / rounds) * 1000;
}

Object.assign(window, { parts: { markdown, patching } });
