/** The documentation's JavaScript and TypeScript: every block compiles against the modules that it imports. */

import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const WEB = resolve(ROOT, "web");

/** Modules of a built site, and the sources that they are built of. */
const SITE: Readonly<Record<string, string>> = {
  "./llm/widget.js": "./widget/widget.ts",
  "/llm/widget.js": "./widget/widget.ts",
  "/llm/amplifier.js": "./amplifier/amplifier.ts",
};

/** What scripts have from their page, and the examples of other libraries from the lines before them. */
const GIVEN = `
interface ParentNode { querySelector(selectors: string): any }
declare const engine: import("@mlc-ai/web-llm").MLCEngineInterface;
declare const messages: { role: "user"; content: string }[];
declare const generator: import("@huggingface/transformers").TextGenerationPipeline;
declare const schema: object;
declare const texts: string[];
declare const text: string;
declare const url: string;
declare const id: string;
declare function append(text: string): void;
`;

interface Block {
  readonly name: string;
  readonly code: string;
  readonly strict: boolean;
}

function blocksOf(page: string, text: string): readonly Block[] {
  const fenced = [...text.matchAll(/^( *)```(js|ts|tsx|html)\n([^]*?)^\1```$/gm)];
  return fenced.flatMap(([, indent = "", language = "", code = ""], number) => {
    const plain = code.replaceAll(new RegExp(`^${indent}`, "gm"), "");
    const scripts = language === "html" ? [...plain.matchAll(/<script type="module">([^]*?)<\/script>/g)].map(([, script = ""]) => script) : [plain];
    // A page's script says nothing about types, and a selector finds what stands above it.
    return scripts.map((script) => ({ name: `${page.replaceAll("/", "-")}-${number}`, code: script, strict: language === "tsx" || language === "ts" }));
  });
}

/** The compiler's complaints about blocks, each with the name of its page and its number there. */
function complaints(blocks: readonly Block[], strict: boolean): readonly string[] {
  const config = ts.readConfigFile(resolve(WEB, "tsconfig.json"), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, WEB);
  const chosen = strict ? options : { ...options, strict: false, exactOptionalPropertyTypes: false };
  const files = new Map(blocks.map(({ name, code }) => [resolve(WEB, `${name}.tsx`), `${code}\nexport {};\n`]));
  const given = resolve(WEB, "given.d.ts");
  if (!strict) files.set(given, GIVEN);
  for (const [path, code] of files) {
    files.set(path, code.replaceAll(/(from ")([^"]+)(")/g, (_, before: string, name: string, after: string) => before + (SITE[name] ?? name) + after));
  }
  const host = ts.createCompilerHost(chosen);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    const code = files.get(path);
    return code === undefined ? read(path, ...rest) : ts.createSourceFile(path, code, ts.ScriptTarget.ESNext, true);
  };
  const exists = host.fileExists.bind(host);
  host.fileExists = (path) => files.has(path) || exists(path);
  const program = ts.createProgram([...files.keys()], chosen, host);
  return [...files.keys()].flatMap((path) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map(({ messageText }) => `${path.slice(WEB.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`),
  );
}

const DOCS = resolve(ROOT, "docs");
const BLOCKS = readdirSync(DOCS, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".md"))
  .flatMap((name) => blocksOf(name, readFileSync(resolve(DOCS, name), "utf8")));

test("TypeScript compiles under strict rules", () => {
  const typed = BLOCKS.filter(({ strict }) => strict);
  expect(typed.length).toBeGreaterThan(0);
  expect(complaints(typed, true)).toEqual([]);
});

test("scripts call what exists, with arguments and results of the right types", () => {
  const scripts = BLOCKS.filter(({ strict }) => !strict);
  expect(scripts.length).toBeGreaterThan(20);
  expect(complaints(scripts, false)).toEqual([]);
});

test("a wrong name, a wrong option and a wrong result are complaints", () => {
  const wrong = [
    'import { ask } from "./llm/widget.js";',
    'import { chat } from "./llm/widget.js";\nawait chat([], { tokens: 4 });',
    'import { complete } from "./llm/widget.js";\n(await complete("a")).words;',
    'await engine.chat.completions.create({ messages, streaming: true });',
    'import { pipeline } from "@huggingface/transformers";\nawait pipeline("text-generation", id, { dtype: "q5" });',
  ];
  const found = complaints(wrong.map((code, number) => ({ name: `wrong-${number}`, code, strict: false })), false);
  expect(found.map((each) => each.split(".")[0])).toEqual(["wrong-0", "wrong-1", "wrong-2", "wrong-3", "wrong-4"]);
});
