"""ONNX's backend node tests through the Core ML frontend: which are in scope, what each came to, and why.

A test is in scope when it uses claimed ops only, tensors a MIL program has, and static shapes. An input that a
conversion needs as a constant (a shape, axes, pads, weights of some ops) is frozen to the test's own value; the result
says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from helpers.coreml import frozen, run_saved
from helpers.onnx_backend import NodeTest
from onnx.backend.test.loader import load_model_tests
from workbench_plugins.coreml.frontend.convert import Unsupported, unsupported
from workbench_plugins.coreml.frontend.registry import FOLDED_ONLY, LOWERINGS

from workbench.errors import WorkbenchError

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
CLAIMED = frozenset(LOWERINGS) | FOLDED_ONLY
HELD = frozenset(
    {"float64", "float32", "float16", "bool", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64))}
)
RTOL, ATOL = 1e-3, 1e-5
"""Tolerances of ONNX's own backend runner (rtol 1e-3, atol 1e-7), with room for float32 sums in another order."""


@dataclass(frozen=True)
class Result:
    """What one test came to.

    Attributes:
        ops: op types of its model.
        state: passed | failed | refused | out of scope.
        why: the reason of all but passed.
        frozen: inputs that were frozen to the test's values.
    """

    name: str
    ops: tuple[str, ...]
    state: str
    why: str = ""
    frozen: tuple[str, ...] = ()


@cache
def node_tests() -> Mapping[str, NodeTest]:
    """Return every test of the onnx package by name."""
    found = (test for kind in KINDS for test in load_model_tests(kind=kind))
    return {test.name: NodeTest(test.name, Path(test.model_dir)) for test in found}


def run(test: NodeTest, target: str = "iOS17") -> Result:
    """Run one test of the package."""
    model = test.model
    ops = tuple(sorted({node.op_type for node in model.graph.node}))
    outside = scope(test, model)
    if outside:
        return Result(test.name, ops, "out of scope", outside)
    feeds = dict(zip((value.name for value in model.graph.input), test.arrays("input"), strict=False))
    names, refused = _to_freeze(model, feeds)
    missing = sorted({item.op_type for item in refused} - CLAIMED - {"input"})
    if missing:
        return Result(test.name, ops, "out of scope", f"defined by an op that is not claimed: {missing[0]}")
    if refused:
        return Result(test.name, ops, "refused", f"{refused[0].op_type}: {refused[0].why}", names)
    return _outcome(test, ops, frozen(model, feeds, names), feeds, names, target)


def _outcome(
    test: NodeTest,
    ops: tuple[str, ...],
    model: onnx.ModelProto,
    feeds: Mapping[str, np.ndarray],
    names: tuple[str, ...],
    target: str,
) -> Result:
    try:
        with TemporaryDirectory() as folder:
            outputs = run_saved(model, feeds, Path(folder), target)
    except (WorkbenchError, ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
        return Result(test.name, ops, "failed", f"{type(error).__name__}: {error}".splitlines()[0], names)
    why = difference(outputs, test.arrays("output"))
    return Result(test.name, ops, "failed" if why else "passed", why, names)


def difference(outputs: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> str:
    """Return how the outputs differ from those of the test, or ""."""
    for place, (have, want) in enumerate(zip(outputs, wanted, strict=True)):
        if want.dtype == np.float64 and np.abs(want).max() > np.finfo(np.float32).max:
            return f"output {place}: its float64 values lie beyond float32"
        if have.shape != want.shape:
            return f"output {place} has shape {have.shape}, not {want.shape}"
        half = 1e-2 if want.dtype == np.float16 else RTOL
        if want.dtype.kind != "f" and not np.array_equal(have, want):
            return f"output {place}: {int((have != want).sum())} of {want.size} values differ"
        if not np.allclose(have, want, rtol=half, atol=max(ATOL, half * 1e-1 if half != RTOL else 0), equal_nan=True):
            return f"output {place}: largest difference {np.abs(have - want).max():.3g}"
    return ""


def scope(test: NodeTest, model: onnx.ModelProto) -> str:
    """Return why a test does not count, or ""."""
    domains = sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})
    if domains:
        return f"ops of the domain {domains[0]}"
    missing = sorted({node.op_type for node in model.graph.node} - CLAIMED)
    if missing and not _are_functions(model, missing):
        return f"not claimed: {', '.join(missing)}"
    if any(not value.type.HasField("tensor_type") for value in (*model.graph.input, *model.graph.output)):
        return "sequences, maps or optional values"
    return _strange_tensors(test)


def _are_functions(model: onnx.ModelProto, names: Sequence[str]) -> bool:
    """Whether ONNX defines all of these ops by others."""
    opset = next(item.version for item in model.opset_import if item.domain == "")
    schemas = [onnx.defs.get_schema(name, opset) for name in names if onnx.defs.has(name)]
    return len(schemas) == len(names) and all(s.has_function or s.has_context_dependent_function for s in schemas)


def _strange_tensors(test: NodeTest) -> str:
    arrays = [*test.arrays("input"), *test.arrays("output")]
    kinds = sorted({str(array.dtype) for array in arrays} - HELD)
    if kinds:
        return f"tensors of {kinds[0]}"
    if any(array.ndim > 5 for array in arrays):
        return "more than 5 axes"
    return "empty tensors" if any(array.size == 0 for array in arrays) else ""


def _to_freeze(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> tuple[tuple[str, ...], list[Unsupported]]:
    """Return the inputs to freeze so that nothing is refused, no more than needed, and what is refused all the same.

    The first input is never frozen, so that something is left to compute.
    """
    refused = unsupported(model)
    names = tuple(value.name for value in model.graph.input if value.name in feeds)[1:]
    if not refused or not names:
        return (), refused
    still = unsupported(frozen(model, feeds, names))
    if still:
        return names, still
    for name in names:
        fewer = tuple(other for other in names if other != name)
        if not unsupported(frozen(model, feeds, fewer)):
            names = fewer
    return names, []
