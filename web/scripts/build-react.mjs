// Builds @browserllm/react into react/dist: modules by Vite, declarations by TypeScript; then checks what came of it.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const web = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(web, "react");
const dist = join(folder, "dist");

await build({ configFile: join(folder, "vite.config.ts"), logLevel: "warn" });
await build({ configFile: join(folder, "model-manager.config.ts"), logLevel: "warn" });
execFileSync(process.execPath, [join(web, "node_modules/typescript/bin/tsc"), "--project", join(folder, "tsconfig.build.json")], { stdio: "inherit" });

const built = readdirSync(dist, { recursive: true }).map(String);

// Declarations name the sources they were made of ("./client.ts"); in the package these are modules ("./client.js").
for (const name of built.filter((name) => name.endsWith(".d.ts"))) {
  const text = readFileSync(join(dist, name), "utf8");
  writeFileSync(join(dist, name), text.replace(/(from |import\()"(\.[^"]*)\.tsx?"/g, '$1"$2.js"'));
}

const { exports, dependencies, peerDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const problems = [];
if (dependencies) problems.push(`package.json has dependencies: ${Object.keys(dependencies).join(", ")}`);
if (Object.keys(peerDependencies).join() !== "react") problems.push("package.json asks for more than React");
for (const [entry, files] of Object.entries(exports)) {
  for (const file of typeof files === "string" ? [files] : Object.values(files)) {
    if (!existsSync(join(folder, file))) problems.push(`${entry} names ${file}, which was not built`);
  }
}
const IMPORT = /(?:^|[\s;}])(?:import|export)\s[^"';]*?from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/gm;
for (const file of built.filter((name) => /\.(js|d\.ts)$/.test(name))) {
  for (const [, from, bare, dynamic] of readFileSync(join(dist, file), "utf8").matchAll(IMPORT)) {
    const name = from ?? bare ?? dynamic;
    const target = join(dist, dirname(file), name);
    if (!name.startsWith(".")) {
      if (!/^react($|\/)/.test(name)) problems.push(`${file} imports ${name}`);
    } else if (!existsSync(target) && !existsSync(target.replace(/\.js$/, ".d.ts"))) problems.push(`${file} imports ${name}, which is not there`);
  }
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`@browserllm/react: ${built.filter((name) => name.endsWith(".js")).length} modules, which import React alone`);
