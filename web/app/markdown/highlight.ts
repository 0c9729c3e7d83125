/** Colours of code, by highlight.js. Its core and each language are loaded when a finished block first needs them. */

import type { HLJSApi, LanguageFn } from "highlight.js";

type Loader = () => Promise<{ readonly default: LanguageFn }>;

const LANGUAGES: Readonly<Record<string, Loader>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  csharp: () => import("highlight.js/lib/languages/csharp"),
  css: () => import("highlight.js/lib/languages/css"),
  diff: () => import("highlight.js/lib/languages/diff"),
  dockerfile: () => import("highlight.js/lib/languages/dockerfile"),
  go: () => import("highlight.js/lib/languages/go"),
  graphql: () => import("highlight.js/lib/languages/graphql"),
  haskell: () => import("highlight.js/lib/languages/haskell"),
  ini: () => import("highlight.js/lib/languages/ini"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  julia: () => import("highlight.js/lib/languages/julia"),
  kotlin: () => import("highlight.js/lib/languages/kotlin"),
  latex: () => import("highlight.js/lib/languages/latex"),
  lua: () => import("highlight.js/lib/languages/lua"),
  makefile: () => import("highlight.js/lib/languages/makefile"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  php: () => import("highlight.js/lib/languages/php"),
  powershell: () => import("highlight.js/lib/languages/powershell"),
  python: () => import("highlight.js/lib/languages/python"),
  r: () => import("highlight.js/lib/languages/r"),
  ruby: () => import("highlight.js/lib/languages/ruby"),
  rust: () => import("highlight.js/lib/languages/rust"),
  scala: () => import("highlight.js/lib/languages/scala"),
  sql: () => import("highlight.js/lib/languages/sql"),
  swift: () => import("highlight.js/lib/languages/swift"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};

const ALIASES: Readonly<Record<string, string>> = {
  "c++": "cpp",
  "c#": "csharp",
  cs: "csharp",
  docker: "dockerfile",
  golang: "go",
  html: "xml",
  js: "javascript",
  jsonc: "json",
  jsx: "javascript",
  kt: "kotlin",
  make: "makefile",
  md: "markdown",
  mjs: "javascript",
  patch: "diff",
  ps1: "powershell",
  py: "python",
  python3: "python",
  rb: "ruby",
  rs: "rust",
  sh: "bash",
  shell: "bash",
  svg: "xml",
  tex: "latex",
  toml: "ini",
  ts: "typescript",
  tsx: "typescript",
  yml: "yaml",
  zsh: "bash",
};

/** Longer code stays in one colour: colouring it would stop the page for a moment. */
const LONGEST = 30_000;

let core: Promise<HLJSApi> | null = null;

/** Returns the name that highlight.js has for a language as it stands behind ```, or `null`. */
export function languageNamed(label: string): string | null {
  const name = label.toLowerCase();
  const known = Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? name) : name;
  return Object.hasOwn(LANGUAGES, known) ? known : null;
}

/** Colours the code inside an element that is not coloured yet. Without a network the code stays as it is. */
export async function highlightIn(root: ParentNode): Promise<void> {
  for (const block of root.querySelectorAll<HTMLElement>("pre[data-lang]:not([data-coloured]) > code")) {
    const pre = block.parentElement;
    const language = languageNamed(pre?.dataset["lang"] ?? "");
    const text = block.textContent;
    if (!pre || language === null || text.length > LONGEST) continue;
    pre.dataset["coloured"] = "";
    try {
      const highlighter = await load(language);
      // highlight.js escapes the code and adds nothing but <span class="hljs-...">.
      if (block.textContent === text) block.innerHTML = highlighter.highlight(text, { language, ignoreIllegals: true }).value;
    } catch {
      delete pre.dataset["coloured"];
    }
  }
}

async function load(language: string): Promise<HLJSApi> {
  core ??= import("highlight.js/lib/core").then((module) => module.default);
  try {
    const highlighter = await core;
    if (!highlighter.getLanguage(language)) {
      const loaded = await LANGUAGES[language]?.();
      if (loaded) highlighter.registerLanguage(language, loaded.default);
    }
    return highlighter;
  } catch (error) {
    core = null;
    throw error;
  }
}
