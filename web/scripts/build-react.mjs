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
if (Object.keys(peerDependencies).join() !== "react,react-dom") problems.push("package.json asks for more than React and its DOM, or less");
for (const [entry, files] of Object.entries(exports)) {
  for (const file of typeof files === "string" ? [files] : Object.values(files)) {
    if (!existsSync(join(folder, file))) problems.push(`${entry} names ${file}, which was not built`);
  }
}
const IMPORT = /(?:^|[\s;}])(?:import|export)\s[^"';]*?from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/gm;
for (const file of built.filter((name) => /\.(js|d\.ts)$/.test(name))) {
  const text = readFileSync(join(dist, file), "utf8");
  // What the bundler makes of a CommonJS package that requires one of those left out: it throws where there is no `require`.
  if (/\b__require\b/.test(text)) problems.push(`${file} requires packages, which a module cannot: leave out what does that`);
  for (const [, from, bare, dynamic] of text.matchAll(IMPORT)) {
    const name = from ?? bare ?? dynamic;
    const target = join(dist, dirname(file), name);
    if (!name.startsWith(".")) {
      // The component alone needs the DOM: the hooks must not ask for it.
      const allowed = file.startsWith("model-manager.") ? /^react(-dom)?($|\/)/ : /^react($|\/)/;
      if (!allowed.test(name)) problems.push(`${file} imports ${name}`);
    } else if (!existsSync(target) && !existsSync(target.replace(/\.js$/, ".d.ts"))) problems.push(`${file} imports ${name}, which is not there`);
  }
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`@browserllm/react: ${built.filter((name) => name.endsWith(".js")).length} modules, which import React and its DOM alone`);
