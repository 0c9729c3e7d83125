// @vitest-environment happy-dom
/** custom-elements.json is what the element is. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { make } from "@browserllm/react/testing";
import { LocalLLMWidget } from "../../../web/widget/widget.ts";
import { fakeClock, site, widget } from "./helpers.ts";

fakeClock();

const WEB = resolve(import.meta.dirname, "../../../web");

interface Named {
  readonly name: string;
}

interface Manifest {
  readonly modules: readonly { readonly declarations: readonly { readonly cssParts: readonly Named[]; readonly cssProperties: readonly Named[]; readonly members: readonly Named[]; readonly attributes: readonly Named[]; readonly tagName: string }[] }[];
}

const element = (JSON.parse(readFileSync(resolve(WEB, "widget/custom-elements.json"), "utf8")) as Manifest).modules[0]?.declarations[0];

const names = (list: readonly Named[] | undefined): string[] => (list ?? []).map(({ name }) => name);

test("it is what the script makes of the comments", () => {
  execFileSync(process.execPath, [resolve(WEB, "scripts/widget-manifest.mjs"), "--check"]);
});

test("it names the element's attributes and members, and no others", () => {
  expect(element?.tagName).toBe("local-llm-widget");
  expect(names(element?.attributes)).toEqual(LocalLLMWidget.observedAttributes);
  const own = Object.getOwnPropertyNames(LocalLLMWidget.prototype).filter((name) => !/Callback$|^(constructor|addEventListener)$/.test(name));
  expect(names(element?.members).sort()).toEqual(own.sort());
});

test("every part that it names is there, and so is every custom property", async () => {
  const { src, app } = site({ on: { "models.load": () => new Promise<null>(() => undefined) } });
  const { element: shown } = widget(src, { model: "small", "auto-load": "" });
  await app.advance(0);
  app.change((state) => ({ ...state, loaded: [make("Loaded", { model: "pocket", engine: "webllm", device: "webgpu" })] }));
  await app.advance(0);
  for (const name of names(element?.cssParts)) expect(shown.shadowRoot?.querySelector(`[part~="${name}"]`), name).not.toBeNull();
  const css = readFileSync(resolve(WEB, "widget/styles.ts"), "utf8");
  for (const name of names(element?.cssProperties)) expect(css, name).toContain(`var(${name}`);
  expect(new Set(css.match(/--local-llm-[\w-]+/g))).toEqual(new Set(names(element?.cssProperties)));
});
