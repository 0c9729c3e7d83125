// Declarations name the sources they were made of ("./client.ts"); in the package these are modules ("./client.js").
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const dist = resolve(dirname(fileURLToPath(import.meta.url)), "..", "react", "dist");
for (const name of readdirSync(dist, { recursive: true }).map(String)) {
  if (!name.endsWith(".d.ts")) continue;
  const file = join(dist, name);
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/(from |import\()"(\.[^"]*)\.tsx?"/g, '$1"$2.js"'));
}
