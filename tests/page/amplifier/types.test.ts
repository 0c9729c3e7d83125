/** amplifier.d.ts: a page in TypeScript has the types of amplifier.js, and nothing else of ours. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, expect, it } from "vitest";
import ts from "typescript";
import * as module from "../../../web/amplifier/amplifier.ts";

const web = resolve(import.meta.dirname, "../../../web");
const folder = mkdtempSync(join(tmpdir(), "amplifier-types-"));
const types = join(folder, "amplifier.d.ts");

const PAGE = `
import { AmplifierError, AmplifierWeb, WorkerManager, isWebGPUSupported, type AgentEvent, type ApprovalRequest, type Tool } from "./amplifier.js";

const clock: Tool = { name: "clock", description: "Tell the time.", schema: { type: "object" }, execute: (args, { signal }) => signal.aborted ? null : String(args["zone"]) };
const agent = new AmplifierWeb({
  systemPrompt: "Be brief.", builtinTools: ["todo"], tools: [clock], fallback: ["pocket"], ask: ["*"],
  onApproval: ({ tool, callId }: ApprovalRequest) => confirm(\`\${tool ?? ""} \${callId ?? ""}\`),
  onProgress: ({ stage, fraction }) => { const ready: boolean = stage === "ready"; console.log(ready, fraction ?? 0); },
  onEvent: (event: AgentEvent) => { if (event.type === "text") console.log(event.text); },
});
await agent.init();
await agent.registerTool("add", "Add.", { type: "object" }, ({ a, b }) => Promise.resolve(Number(a) + Number(b)));
const text: string = await agent.executeStreaming("Hi", (piece) => { console.log(piece.length); });
for await (const piece of agent.executeStreaming("Hi", { signal: new AbortController().signal })) console.log(piece.length, text);
const spent: number | undefined = agent.lastAnswer?.outputTokens;
try { await agent.cancel({ graceful: true }); } catch (error) { if (error instanceof AmplifierError) console.log(error.code, error.recoverable, error.suggestion, spent); }
const manager = new WorkerManager();
const { choices } = await manager.complete({ messages: [{ role: "user", content: "Hi" }] });
console.log(choices[0].message.content, await isWebGPUSupported(), await AmplifierWeb.isWebGPUSupported());
`;

const MISTAKES: readonly (readonly [string, string])[] = [
  ['import { AmplifierWeb } from "./amplifier.js"; new AmplifierWeb({ model: 3 });', "'number' is not assignable to type 'string'"],
  ['import { AmplifierWeb } from "./amplifier.js"; new AmplifierWeb({ modle: "pocket" });', "'modle' does not exist"],
  ['import { AmplifierWeb } from "./amplifier.js"; new AmplifierWeb({ onProgress: ({ stage }) => stage === "half" });', "no overlap"],
  ['import { loadFirst } from "./amplifier.js"; loadFirst();', "has no exported member"],
  ['import type { Details } from "./amplifier.js"; export type A = Details;', "not exported"],
];

/** What TypeScript says of each page's script, at its strictest. */
const complaints: string[] = [];

beforeAll(() => {
  execFileSync(process.execPath, [join(web, "scripts/amplifier-types.mjs"), types]);
  const pages = [PAGE, ...MISTAKES.map(([code]) => code)].map((code, number) => {
    const file = join(folder, `page${number}.ts`);
    writeFileSync(file, code);
    return file;
  });
  const options = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, types: [] };
  const program = ts.createProgram(pages, options);
  for (const page of [...pages, types]) {
    const source = program.getSourceFile(page);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    complaints.push(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " ")).join("\n"));
  }
});

it("a page that uses everything is accepted", () => {
  expect([complaints[0], complaints.at(-1)]).toEqual(["", ""]);
});

it.each(MISTAKES.map(([code, said], index) => [code, said, index + 1] as const))("a mistake is found: %s", (_, said, number) => {
  expect(complaints[number]).toContain(said);
});

it("it declares what the module exports, and imports nothing", () => {
  const text = readFileSync(types, "utf8");
  const values = [...text.matchAll(/^export declare (?:class|function|const) (\w+)/gm)].map(([, name]) => name);
  expect(values.sort()).toEqual(Object.keys(module).sort());
  expect(text).not.toMatch(/^import|\bfrom "/m);
});
