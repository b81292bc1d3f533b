"""Loops that numpy has no single call for, written as LLVM's text and compiled for the processor that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any

_COMPILING = Lock()
"""LLVM's context is the process's own."""


def compiled(source: str, prototype: Callable[[int], Any], *names: str) -> Mapping[str, Callable[..., Any]]:
    """Return the named functions of a text, compiled once per process.

    Args:
        prototype: their type, of `ctypes.CFUNCTYPE`.

    Raises:
        RuntimeError: LLVM does not understand the text.
    """
    with _COMPILING:
        return _functions(source, prototype, names)[0]


@cache
def _functions(
    source: str, prototype: Callable[[int], Any], names: tuple[str, ...]
) -> tuple[dict[str, Callable[..., Any]], Any]:
    """Return the functions, and the engine that owns their code: they go when it does."""
    engine = _engine(source)
    return {name: prototype(engine.get_function_address(name)) for name in names}, engine


def _engine(source: str) -> Any:
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
