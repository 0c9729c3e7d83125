import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../web/src/", import.meta.url));

/** The files that a file of web/src imports in any way, also types alone and `import()` and workers. */
function importsOf(file: string, text: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) && /^\.{1,2}\/.*\.ts$/.test(node.text)) found.push(join(dirname(file), node.text));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return found;
}

/** The first import cycle as a list of files; null without a cycle. */
function findCircle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const done = new Set<string>();
  const search = (file: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of graph.get(file) ?? []) {
      const circle = search(next, [...path, file]);
      if (circle !== null) return circle;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const circle = search(file, []);
    if (circle !== null) return circle;
  }
  return null;
}

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const graph = new Map(files.map((name) => [name, importsOf(join(ROOT, name), readFileSync(join(ROOT, name), "utf8")).map((path) => relative(ROOT, path))]));

describe("the imports of web/src", () => {
  it("form no cycle, type-only imports included", () => {
    expect(findCircle(graph)?.join(" -> ") ?? null).toBeNull();
  });

  it("are all found, whatever their form", () => {
    const text = `import type { A } from "./a.ts"; export { b } from "../b.ts"; const c = () => import("./c.ts"); new Worker(new URL("./d.ts", import.meta.url));`;
    expect(importsOf("x/y.ts", text)).toEqual(["x/a.ts", "b.ts", "x/c.ts", "x/d.ts"]);
    expect([...graph.values()].flat().filter((file) => !graph.has(file))).toEqual([]);
  });

  it("that form a cycle are named in order", () => {
    expect(findCircle(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]]))).toEqual(["b", "c", "b"]);
  });
});
