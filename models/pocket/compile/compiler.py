"""Compiles the model for WebGPU: one object file with the shaders and the host code, linked with the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tvm
from tvm import relax
from tvm.relax import transform

import tvm_model
import wasm

if TYPE_CHECKING:
    from config import PocketConfig

TARGET = {"kind": "webgpu", "max_num_threads": 256}
HOST = {"kind": "llvm", "mtriple": "wasm32-unknown-unknown-wasm"}


def _passes() -> tvm.transform.Pass:
    """Relax down to virtual machine calls. Every kernel comes scheduled, so there is nothing to tune or fuse."""
    return tvm.transform.Sequential(
        [
            transform.LegalizeOps(),
            transform.RewriteDataflowReshape(),
            transform.ToNonDataflow(),
            transform.RemovePurityChecking(),
            transform.CallTIRRewrite(),
            transform.StaticPlanBlockMemory(),
            transform.LowerAllocTensor(),
            transform.KillAfterLastUse(),
            transform.LowerRuntimeBuiltin(),
            transform.ComputePrimValue(),
            transform.VMShapeLower(),
            transform.AttachGlobalSymbol(),
        ]
    )


def compile_wasm(config: PocketConfig, output: Path, cache: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Write the model library; return the name, shape and dtype of its parameters. Weights play no part."""
    module, parameters = tvm_model.build_module(config)
    target = tvm.target.Target(TARGET, host=HOST)
    # Kernels spell out their own barriers: TVM's would add more, some in places that WGSL forbids. Its common
    # subexpressions are printed into the shaders but not used there.
    options = {"tirx.disable_cse_tir": True}
    with target, tvm.transform.PassContext(opt_level=3, config=options, disabled_pass=["s_tir.ThreadSync"]):
        executable = relax.build(module, target=target, relax_pipeline=_passes(), system_lib=True)
        executable.export_library(str(output), fcompile=lambda _, objects: _link(objects, output, cache))
    return [(name, tuple(int(size) for size in p.shape), str(p.dtype)) for name, p in parameters]


def _link(objects: list[str], output: Path, cache: Path) -> None:
    wasm.link([wasm.runtime_object(cache), *map(Path, objects)], output.resolve(), cache)
    output.chmod(0o644)  # a web page's data, not a program of this machine
