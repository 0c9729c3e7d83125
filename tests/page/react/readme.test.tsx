// @vitest-environment happy-dom
/** What is written about the hooks: its code compiles, and the first example works as it stands. */

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Script } from "node:vm";
import { act, render, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import * as jsx from "react/jsx-runtime";
import { StrictMode, type ReactNode } from "react";
import ts from "typescript";
import { expect, test } from "vitest";
import * as browserllm from "@browserllm/react";
import { scriptedClient } from "@browserllm/react/testing";
import { failOnComplaints } from "./helpers.tsx";

failOnComplaints();

const WEB = resolve(import.meta.dirname, "../../../web");
const PAGES = ["web/react/README.md", "docs/react.md", "docs/start/react.md"].map((name) => readFileSync(resolve(WEB, "..", name), "utf8"));
const BLOCKS = PAGES.flatMap((page) => [...page.matchAll(/```tsx\n(.*?)```/gs)].map(([, code = ""]) => code));

test("every block of code compiles under strict rules", () => {
  const config = ts.readConfigFile(resolve(WEB, "tsconfig.json"), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, WEB);
  const host = ts.createCompilerHost(options);
  const names = BLOCKS.map((_, index) => resolve(WEB, `readme-${index}.tsx`));
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => {
    const block = BLOCKS[names.indexOf(name)];
    return block === undefined ? read(name, ...rest) : ts.createSourceFile(name, block, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TSX);
  };
  const exists = host.fileExists.bind(host);
  host.fileExists = (name) => names.includes(name) || exists(name);
  const program = ts.createProgram(names, options, host);
  const problems = names.flatMap((name) => ts.getPreEmitDiagnostics(program, program.getSourceFile(name)));
  expect(problems.map(({ file, messageText }) => `${dirname(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`)).toEqual([]);
  expect(BLOCKS.length).toBeGreaterThan(9);
});

test("each hook is in the guide and in the package's README", () => {
  const hooks = Object.keys(browserllm).filter((name) => name.startsWith("use"));
  const [readme = "", guide = ""] = PAGES;
  for (const page of [readme, guide]) expect(hooks.filter((name) => !page.includes(`\`${name}(`))).toEqual([]);
});

test("the first example answers", async () => {
  const client = scriptedClient({ answers: ["Hello to you."] });
  const provider = ({ children }: { readonly children: ReactNode }): ReactNode => <browserllm.BrowserLLMProvider client={client}>{children}</browserllm.BrowserLLMProvider>;
  const { App } = run(BLOCKS[0] ?? "", { "react/jsx-runtime": jsx, "@browserllm/react": { ...browserllm, BrowserLLMProvider: provider } });
  render(<StrictMode><App /></StrictMode>);
  await act(() => client.app.advance(0));
  await userEvent.type(screen.getByLabelText("Message"), "Hello");
  await userEvent.click(screen.getByRole("button", { name: "Send" }));
  await act(() => client.app.advance(100));
  expect(screen.getByRole("button", { name: "Stop" })).toBeDefined();
  await act(() => client.app.advance(1000));
  expect(screen.getByText("Hello to you.")).toBeDefined();
  expect(screen.getByLabelText<HTMLInputElement>("Message").value).toBe("");
});

/** Run a module's code with these modules to import. */
function run(code: string, modules: Readonly<Record<string, unknown>>): { readonly App: () => ReactNode } {
  const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.CommonJS, jsx: ts.JsxEmit.ReactJSX, target: ts.ScriptTarget.ES2022 } });
  const wrapped = new Script(`(require, exports) => { ${outputText}\n}`).runInThisContext() as (require: (name: string) => unknown, exports: object) => void;
  const exports = {};
  wrapped((name) => modules[name], exports);
  return exports as { readonly App: () => ReactNode };
}
