// Compiles Python archives (zip or wheel) to archives of .pyc, with the very interpreter that will run them.
//
//   node compile_python.mjs '[{"source": "in.whl", "target": "out.zip"}, ...]'
//
// A .pyc takes the place of its .py (Python imports both the same way); everything else is copied as it is. Docstrings and
// the columns of tracebacks stay behind, as with Python's own `-OO` and `-X no_debug_ranges`: a page has no source to show.
// They are a third of the bytes. A module that reads docstrings of its own when it runs keeps them: it says `KEEP_DOCSTRINGS`.
import { readFileSync, writeFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

const COMPILE = `
import ast, importlib._bootstrap_external, io, zipfile

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

def without_docstrings(text, name):
    tree = ast.parse(text, name)
    if b"KEEP_DOCSTRINGS" in text:
        return tree
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            first = node.body.pop(0)
            if not node.body and not isinstance(node, ast.Module):
                node.body.append(ast.copy_location(ast.Pass(), first))
    return tree

def compile_archive(data):
    source, out = zipfile.ZipFile(io.BytesIO(data.to_bytes())), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name in sorted(source.namelist()):
            if name.endswith("/"):
                continue
            content = source.read(name)
            if name.endswith(".py"):
                code = compile(without_docstrings(content, name), name, "exec", dont_inherit=True)
                # An unchecked hash: the file's time plays no part, so two builds are the same to the byte.
                header = importlib._bootstrap_external._code_to_hash_pyc(code, b"\\0" * 8, False)
                name, content = name + "c", bytes(header)
            # A fixed date, for the same reason.
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return out.getvalue()

compile_archive
`;

// Node would print the whole of Pyodide's one-line source above an uncaught error.
process.on("uncaughtException", (error) => {
  console.error(`compile_python: ${error.message}`);
  process.exit(1);
});

const jobs = JSON.parse(process.argv[2]);
const pyodide = await loadPyodide({ env: { PYTHONNODEBUGRANGES: "1" } });
const compileArchive = pyodide.runPython(COMPILE);
for (const { source, target } of jobs) {
  const out = compileArchive(new Uint8Array(readFileSync(source)));
  writeFileSync(target, out.toJs());
  out.destroy();
}
