"""Loops that numpy has no single call for, written as LLVM's text and compiled for the processor that runs them."""

from __future__ import annotations

from threading import Lock
from typing import Any

_COMPILING = Lock()
"""LLVM's context is the process's own."""


def compiled(source: str) -> Any:
    """Return the engine that owns the code of a text; `get_function_address` gives its functions' places in memory.

    The functions go when the engine does. Raises RuntimeError where LLVM does not understand the text.
    """
    with _COMPILING:
        return _compiled(source)


def _compiled(source: str) -> Any:
    import llvmlite.binding as llvm  # noqa: PLC0415  (50 ms and 40 MB; only where such a loop runs)

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(source)
    module.verify()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
