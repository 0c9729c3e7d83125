// @vitest-environment happy-dom
/** docs/widget.md: its smallest page works, its names are those of the code, its module runs. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Script } from "node:vm";
import { expect, test } from "vitest";
import ts from "typescript";
import * as module from "../../../web/widget/widget.ts";
import { serviceFor } from "../../../web/widget/service.ts";
import { button, fakeClock, site } from "./helpers.ts";

fakeClock();

const DOCS = readFileSync(resolve(import.meta.dirname, "../../../docs/widget.md"), "utf8");
const blocks = (language: string): string[] => [...DOCS.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(([, code = ""]) => code);

test("the smallest page shows a widget that starts nothing by itself", () => {
  const [page = ""] = blocks("html");
  const { app, client } = site();
  const tags = new DOMParser().parseFromString(page, "text/html");
  expect([...tags.querySelectorAll("script")].map((script) => [script.type, script.getAttribute("src")])).toEqual([["module", "llm/widget.js"]]);
  // The script's folder is that of the source here.
  serviceFor(new URL("../../../web/widget/", import.meta.url).href, () => client);
  document.body.innerHTML = tags.body.innerHTML.replace(/<script.*?<\/script>/g, "");
  const element = document.querySelector("local-llm-widget");
  if (!element) throw new Error("the page has no widget");
  expect(element.moduleApi).toBe(module.localLLM());
  expect(app.calls).toEqual([]);
});

test("the example of the API runs as it stands", async () => {
  const { app, api } = site({ answers: ["Hello to you."] });
  const said: unknown[][] = [];
  const done = run(blocks("js")[0] ?? "", { ...module, init: api.init, chat: api.chat, switchModel: api.switchModel }, { log: (...words: unknown[]) => said.push(words) });
  for (let step = 0; step < 20; step += 1) await app.advance(100);
  await done;
  expect(said.at(-1)?.[0]).toBe("Hello to you.");
  expect(said.some(([first]) => first === 0.5)).toBe(true);
});

test("the page that asks by itself prints the answer", async () => {
  const [, page = ""] = blocks("html");
  const { app, api } = site({ answers: ["A fox went out."] });
  const code = /<script type="module">(.*?)<\/script>/s.exec(page)?.[1] ?? "";
  document.body.innerHTML = '<p id="answer"></p>';
  const done = run(code, { ...module, complete: api.complete }, console);
  for (let step = 0; step < 20; step += 1) await app.advance(100);
  await done;
  expect(document.querySelector("#answer")?.textContent).toBe("A fox went out.");
});

test("every function that it lists is exported, and every exported one is listed", () => {
  const listed = [...DOCS.matchAll(/^\| (`\w+\(.*?\)`(?:, `\w+\(.*?\)`)?) \|/gm)].flatMap(([, names = ""]) => [...names.matchAll(/`(\w+)\(/g)].map(([, name]) => name));
  const functions = Object.entries(module).filter(([name, value]) => typeof value === "function" && /^[a-z]/.test(name) && name !== "localLLM").map(([name]) => name);
  expect(listed.sort()).toEqual(functions.sort());
});

test("Start is the button that it speaks of", async () => {
  const { src, app } = site();
  document.body.innerHTML = `<local-llm-widget src="${src}"></local-llm-widget>`;
  const element = document.querySelector("local-llm-widget");
  if (!element) throw new Error("no widget");
  button(element, "Start").click();
  await app.advance(1000);
  expect(element.getStatus().state).toBe("idle");
});

/** Run a module's code with what it imports. */
async function run(code: string, given: Readonly<Record<string, unknown>>, log: object): Promise<void> {
  const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
  const body = outputText.replace(/import (\{.*?\}) from ".*?";/, "const $1 = given;").replace(/^export \{\};$/m, "");
  const wrapped = new Script(`(async (given, console, document) => { ${body}\n})`).runInThisContext() as (given: object, log: object, page: Document) => Promise<void>;
  await wrapped(given, log, document);
}
