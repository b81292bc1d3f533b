"""Core ML's values within a program beside the reference evaluator's: which operation departs first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.package.program import Program
from workbench_plugins.coreml.package.read import read_package

Array = npt.NDArray[Any]
TOLERANCE = {"float32": 1e-4, "float16": 1e-2}
"""Largest error, as a share of the largest value of the tensor, that counts as rounding of the arithmetic."""
_HANDED_OUT = frozenset({"float32", "float16", "int32"})


class Inspected(Protocol):
    """What the self-test needs of a loaded model; see `mac.MacModel`."""

    def intermediates(self, feeds: Mapping[str, Array], names: list[str]) -> Mapping[str, Array]:
        """Return values within the program."""


@dataclass(frozen=True)
class Departure:
    """The first operation whose result is another.

    Attributes:
        compared: how many results were compared up to and with this one.
        error: largest difference, as a share of the largest value of the evaluator's tensor.
    """

    operation: str
    op_type: str
    compared: int
    error: float

    def __str__(self) -> str:
        return f"{self.op_type} {self.operation!r} departs first: {self.error:.2%} of the largest value"


def first_departure(package: Path, model: Inspected, feeds: Mapping[str, Array], compute: str) -> Departure | None:
    """Compare results of the main function in its order; None where all agree.

    Args:
        feeds: Core ML's input name -> array; compute: float32 | float16, which chooses the tolerance.
    """
    program = read_package(package)
    names = handed_out(program)
    found = model.intermediates(feeds, list(names))
    expected = Evaluator(program).run(feeds, watch=names)
    compared = 0
    for name, op_type in names.items():
        if name not in found:
            continue
        compared += 1
        error = _error(expected[name], np.asarray(found[name], np.float32))
        if error > TOLERANCE[compute]:
            return Departure(name, op_type, compared, error)
    return None


def handed_out(program: Program) -> dict[str, str]:
    """Return result -> op type of every operation whose results Core ML can hand out, in order."""
    return {
        out.name: op.type
        for op in program.main.block.operations
        if op.type != "const" and not op.type.startswith("constexpr_")
        for out in op.outputs
        if out.type.kind == "tensor" and out.type.dtype in _HANDED_OUT
    }


def _error(expected: Array, found: Array) -> float:
    if expected.shape != found.shape or not expected.size:
        return float("inf") if expected.shape != found.shape else 0.0
    largest = float(np.max(np.abs(expected))) or 1.0
    return float(np.max(np.abs(expected - found))) / largest
