// Checks what was built: no bundle may point to a CDN, and nothing may land in it twice. Prints the sizes.

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const CDN = /https?:\/\/[^"'`\s]*(?:jsdelivr|unpkg|cdnjs|esm\.sh|skypack|jspm)[^"'`\s]*/g;
const WIDGET_LIMIT = 15_000;
const problems = [];
let total = 0;

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = `${entry.parentPath}/${entry.name}`;
  const name = path.slice(path.indexOf("/dist/") + 6);
  const bytes = readFileSync(path);
  const packed = gzipSync(bytes).length;
  total += packed;
  console.log(`${(bytes.length / 1e6).toFixed(2).padStart(7)} MB ${(packed / 1e6).toFixed(2).padStart(6)} gz  ${name}`);
  if (/\.(js|html|css)$/.test(name)) {
    for (const [url] of bytes.toString("utf8").matchAll(CDN)) problems.push(`${name} points to ${url}`);
  }
  if (name.startsWith("assets/") && name.endsWith(".wasm")) problems.push(`${name}: wasm belongs into ort/ or pyodide/`);
}

// The widget is a guest in other people's pages: one small file.
const widget = readFileSync(new URL("widget.js", dist));
const widgetSize = gzipSync(widget, { level: 9 }).length;
console.log(`${(widgetSize / 1000).toFixed(1).padStart(17)} KB gz  widget.js alone (limit ${WIDGET_LIMIT / 1000})`);
if (widgetSize > WIDGET_LIMIT) problems.push(`widget.js is ${widgetSize} bytes with gzip: more than ${WIDGET_LIMIT}`);
if (/^import|\bfrom\s*["']/m.test(widget.toString("utf8"))) problems.push("widget.js imports another file");

for (const name of ["notebook-widget.js", "amplifier.js", "widget-de.js", "widget-ar.js"]) {
  const text = readFileSync(new URL(name, dist), "utf8");
  if (/^import|\bfrom\s*["']/m.test(text)) problems.push(`${name} imports another file`);
}

console.log(`${(total / 1e6).toFixed(2).padStart(18)} gz  in all`);
for (const problem of problems) console.error(`error: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
