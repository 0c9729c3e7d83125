// Writes amplifier.d.ts: what amplifier.js exports and the types that these need, in one file without imports.
//
//   node scripts/amplifier-types.mjs [FILE]        by default dist/amplifier.d.ts

import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const web = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const entry = join(web, "amplifier/amplifier.ts");
const target = process.argv[2] ?? join(web, "dist/amplifier.d.ts");

const { config } = ts.readConfigFile(join(web, "tsconfig.json"), (file) => ts.sys.readFile(file));
const { options } = ts.parseJsonConfigFileContent({ ...config, files: [entry], include: [] }, ts.sys, web);
const program = ts.createProgram([entry], { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: join(web, "types") });

/** The declarations of each source, as TypeScript writes them. */
const modules = new Map();
program.emit(undefined, (file, text, _mark, _onError, sources) => {
  const source = sources?.[0]?.fileName;
  if (source !== undefined) modules.set(source, read(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true), source));
}, undefined, true);

/** What a module declares, imports and passes on, by name. */
function read(file, source) {
  const module = { file, declared: new Map(), imported: new Map(), exported: new Map() };
  for (const statement of file.statements) {
    if (ts.isImportDeclaration(statement) || (ts.isExportDeclaration(statement) && statement.moduleSpecifier)) {
      const from = ts.resolveModuleName(statement.moduleSpecifier.text, source, options, ts.sys).resolvedModule?.resolvedFileName;
      const [bindings, names] = ts.isImportDeclaration(statement) ? [statement.importClause?.namedBindings, module.imported] : [statement.exportClause, module.exported];
      for (const each of bindings?.elements ?? []) names.set(each.name.text, { from, name: (each.propertyName ?? each.name).text });
    } else if (ts.isVariableStatement(statement)) {
      for (const each of statement.declarationList.declarations) module.declared.set(each.name.text, statement);
    } else if (statement.name) module.declared.set(statement.name.text, [...(module.declared.get(statement.name.text) ?? []), statement].flat());
  }
  return module;
}

const written = new Map();

/** Write a declaration after those that it needs. */
function write({ from, name }, isExported) {
  const module = modules.get(from);
  const passedOn = module?.exported.get(name);
  if (passedOn) { write(passedOn, isExported); return; }
  const declared = [module?.declared.get(name) ?? []].flat();
  if (declared.length === 0) throw new Error(`amplifier.d.ts: ${name} of ${from} is not declared there`);
  const known = written.get(name);
  if (known) {
    if (known.from !== from) throw new Error(`amplifier.d.ts: two types are called ${name}`);
    known.isExported ||= isExported;
    return;
  }
  const entry = { from, isExported, text: "" };
  written.set(name, entry);
  const visit = (node) => {
    if (ts.isIdentifier(node) && node.text !== name) {
      const isMember = ts.isPropertySignature(node.parent) || ts.isPropertyDeclaration(node.parent) || ts.isParameter(node.parent) || ts.isMethodDeclaration(node.parent);
      if (!(isMember && node.parent.name === node)) {
        if (module.declared.has(node.text)) write({ from, name: node.text }, false);
        else if (module.imported.has(node.text)) write(module.imported.get(node.text), false);
      }
    }
    ts.forEachChild(node, visit);
  };
  declared.forEach(visit);
  entry.text = declared.map((statement) => {
    const docs = ts.getLeadingCommentRanges(module.file.text, statement.getFullStart())?.filter(({ pos }) => module.file.text.startsWith("/**", pos)).at(-1);
    const comment = docs ? `${module.file.text.slice(docs.pos, docs.end)}\n` : "";
    return comment + statement.getText().replace(/^(export )?(default )?(declare )?/, statement.kind === ts.SyntaxKind.InterfaceDeclaration || statement.kind === ts.SyntaxKind.TypeAliasDeclaration ? "" : "declare ");
  }).join("\n");
}

const root = modules.get(entry);
for (const [, what] of root.exported) write(what, true);
const texts = [...written.values()].map(({ text, isExported }) => (isExported ? text.replace(/^(\/\*\*.*?\*\/\n)?/s, "$1export ") : text));
// `export {}`: what is not exported above stays inside.
writeFileSync(target, `// Generated from web/amplifier (web/scripts/amplifier-types.mjs).\n\n${texts.join("\n\n")}\n\nexport {};\n`);
