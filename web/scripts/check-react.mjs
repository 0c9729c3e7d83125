// Checks the built package: every entry is there with its types, and nothing but React is imported.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const folder = resolve(dirname(fileURLToPath(import.meta.url)), "..", "react");
const { exports, dependencies, peerDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const problems = [];

if (dependencies) problems.push(`package.json has dependencies: ${Object.keys(dependencies).join(", ")}`);
if (Object.keys(peerDependencies).join() !== "react") problems.push("package.json asks for more than React");
for (const [entry, files] of Object.entries(exports)) {
  for (const file of typeof files === "string" ? [files] : Object.values(files)) {
    if (!existsSync(join(folder, file))) problems.push(`${entry} names ${file}, which was not built`);
  }
}

const built = readdirSync(join(folder, "dist"), { recursive: true }).map(String);
for (const file of built.filter((name) => /\.(js|d\.ts)$/.test(name))) {
  const text = readFileSync(join(folder, "dist", file), "utf8");
  const imported = [...text.matchAll(/(?:^|[\s;}])(?:import|export)\s[^"';]*?from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/gm)];
  for (const [, from, bare, dynamic] of imported) {
    const name = from ?? bare ?? dynamic;
    if (name.startsWith(".")) {
      const target = join(folder, "dist", dirname(file), name);
      if (!existsSync(target) && !existsSync(target.replace(/\.js$/, ".d.ts"))) problems.push(`${file} imports ${name}, which is not there`);
    } else if (!/^react($|\/)/.test(name)) problems.push(`${file} imports ${name}`);
  }
}

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`@browserllm/react: ${built.filter((name) => name.endsWith(".js")).length} modules, which import React alone`);
