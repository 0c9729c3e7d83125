"""Builds and links WebAssembly with zig's C++ compiler: TVM's runtime once, then one small link per model.

Everything comes from two wheels: `apache-tvm` and `apache-tvm-ffi` ship the runtime's sources, `ziglang` a C++
compiler with the WASI libraries. A few headers are not in the wheels; `runtime/overlay` has ours.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

RUNTIME = Path(__file__).parent / "runtime"

EXPORTS = (
    "TVMFFIAnyViewToOwnedAny",
    "TVMFFIDataTypeToString",
    "TVMFFIErrorSetRaisedFromCStr",
    "TVMFFIFunctionCall",
    "TVMFFIFunctionGetGlobal",
    "TVMFFIFunctionSetGlobal",
    "TVMFFIGetTypeInfo",
    "TVMFFIObjectDecRef",
    "TVMFFIObjectIncRef",
    "TVMFFITypeKeyToIndex",
    "TVMFFIWasmFunctionCreate",
    "TVMFFIWasmGetLastError",
    "TVMWasmAllocSpace",
    "TVMWasmFreeSpace",
)
"""What WebLLM's JavaScript calls in the module, besides `_initialize` and `memory`."""

TARGET = ("-target", "wasm32-wasi", "-Oz")
COMPILE = (
    *TARGET,
    "-std=c++17",
    "-fignore-exceptions",
    "-fno-sanitize=all",
    "-ffunction-sections",
    "-fdata-sections",
    "-fvisibility=hidden",
    "-fno-rtti",
    "-DTVM_LOG_DEBUG=0",
    "-DTVM_LOG_CUSTOMIZE=1",
    "-DTVM_FFI_ALWAYS_LOG_BEFORE_THROW=1",
    "-DTVM_FFI_USE_LIBBACKTRACE=0",
    "-DTVM_FFI_CMAKE_LITTLE_ENDIAN=1",
    "-DNDEBUG",
    "-w",
)
LINK = (
    *TARGET,
    "-mexec-model=reactor",
    "-Wl,--import-symbols",
    "-Wl,--strip-all",
    "-Wl,--gc-sections",
    "-Wl,-z,stack-size=262144",
    *(f"-Wl,--export={name}" for name in EXPORTS),
)


def _zig(arguments: list[str | Path], directory: Path) -> None:
    """Run zig's C++ compiler in `directory`; raise with its output when it fails."""
    command = [sys.executable, "-m", "ziglang", "c++", *map(str, arguments)]
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(directory / "zig-cache")}
    result = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")


def wheel_folder(package: str) -> Path:
    """The installed folder of a package, found without importing it."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{package!r} is not installed: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0])


def _fingerprint() -> str:
    """Changes with our runtime sources, this file and the versions of the wheels."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for package in ("apache-tvm", "apache-tvm-ffi", "ziglang"):
        digest.update(importlib.metadata.version(package).encode())
    for path in sorted(RUNTIME.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(RUNTIME)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def runtime_object(cache: Path) -> Path:
    """The compiled runtime, from `cache` when its sources and flags have not changed (else about a minute)."""
    cache.mkdir(parents=True, exist_ok=True)
    result = cache / f"runtime-{_fingerprint()}.o"
    if result.exists():
        return result
    # One tree with relative paths: the sources name each other relatively, and no absolute path enters the object.
    tree = cache / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tvm, ffi = wheel_folder("tvm"), wheel_folder("tvm_ffi")
    for part in ("include", "src/runtime", "web/emcc"):
        shutil.copytree(tvm / part, tree / part)
    for part in ("include", "src"):
        shutil.copytree(ffi / part, tree / "3rdparty/tvm-ffi" / part)
    # The sources force inlining everywhere; left to the compiler, which is asked for size, the runtime is a fifth smaller.
    inlining = tree / "3rdparty/tvm-ffi/include/tvm/ffi/base_detail.h"
    inlining.write_text(inlining.read_text().replace("[[gnu::always_inline]] inline", "inline"))
    shutil.copytree(RUNTIME / "overlay", tree, dirs_exist_ok=True)
    for source in RUNTIME.glob("*.*"):
        shutil.copy(source, tree)
    includes = ("tree/shim", "tree", "tree/include", "tree/3rdparty/tvm-ffi/include")
    flags: list[str | Path] = [*COMPILE, *(f"-I{path}" for path in includes), "-include", "tree/single_thread.h"]
    temporary = Path(f"{result.name}.new")
    _zig([*flags, "-c", "tree/runtime.cc", "-o", temporary], cache)
    (cache / temporary).rename(result)
    return result


def link(objects: list[Path], output: Path, cache: Path) -> None:
    """Link the runtime and a model's object files into the module that WebLLM loads."""
    _zig([*LINK, *objects, "-o", output], cache)


def shrink(module: Path, wasm_opt: str) -> None:
    """Make a module smaller with Binaryen's wasm-opt; the features named are those that zig's baseline uses."""
    features = (
        "bulk-memory",
        "sign-ext",
        "nontrapping-float-to-int",
        "mutable-globals",
        "multivalue",
        "reference-types",
    )
    command = [wasm_opt, "-Oz", *(f"--enable-{name}" for name in features), str(module), "-o", str(module)]
    subprocess.run(command, check=True)
