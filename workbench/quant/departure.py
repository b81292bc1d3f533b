"""How far a runtime's answers are from the specification's codes, and which other rounding gives exactly them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from workbench.errors import ModelError
from workbench.quant.affine import Float32, Rounding
from workbench.quant.integer_graph import Codes, IntegerGraph
from workbench.quant.parity import UINT8_SHIFT
from workbench.quant.plan import QuantPlan

UNEXPLAINED = "neither one rounding less nor another rule for ties gives its codes"


@dataclass(frozen=True)
class Departure:
    """One output against its codes, value by value.

    Attributes:
        differing_share: share (0..1) of values that are not bit for bit what the code stands for.
        largest_steps: largest distance in steps of the output's scale; no whole number where the runtime did not
            round; infinite where it gave a value that is not finite.
    """

    differing_share: float
    largest_steps: float

    @property
    def is_equal(self) -> bool:
        """Whether every value is the code's."""
        return self.differing_share == 0.0


def compare_codes(expected: Codes, found: npt.NDArray[np.floating]) -> Departure:
    """Compare a runtime's reals of one tensor with the specification's codes. Raises ModelError where shapes differ."""
    if expected.steps.shape != found.shape:
        raise ModelError("An output has another shape than its codes", why=f"{found.shape}, not {expected.steps.shape}")
    distance = np.abs(found.astype(np.float64) / expected.parameters.scale - expected.steps)
    distance[found == expected.reals] = 0.0
    distance[~np.isfinite(distance)] = np.inf
    return Departure(float(np.mean(distance > 0)), float(distance.max(initial=0.0)))


def explain(
    canonical: onnx.ModelProto, plan: QuantPlan, feeds: Mapping[str, npt.NDArray[Any]], output: str, found: Float32
) -> str:
    """Return in words what a runtime does otherwise, if doing exactly that gives all its answers bit for bit.

    Args:
        output: the tensor compared; found: the runtime's reals of it.
    """
    for words, graph in _variants(canonical, plan, output):
        if np.array_equal(graph.run(feeds, [output])[output], found):
            return words
    return UNEXPLAINED


def _variants(canonical: onnx.ModelProto, plan: QuantPlan, output: str) -> Iterator[tuple[str, IntegerGraph]]:
    """Yield what a runtime may do, in words, and the specification that does it."""
    inputs = {value.name for value in canonical.graph.input}
    inner = [name for name in plan.tensors if name not in inputs and name != output]
    for names in [[name] for name in inner] + ([inner] if len(inner) > 1 else []):
        once = "once" if len(names) == 1 else f"{len(names)} times"
        kept = IntegerGraph(canonical, plan, unrounded=frozenset(names))
        yield f"rounds {once} less ({' and '.join(names)} clipped but not rounded)", kept
        loose = IntegerGraph(canonical, _without(plan, names))
        yield f"rounds {once} less ({' and '.join(names)} neither clipped nor rounded)", loose
    for words, rule in ROUNDINGS.items():
        yield words, IntegerGraph(canonical, plan, rule)
    yield "its output is not rounded", IntegerGraph(canonical, plan, unrounded=frozenset({output}))
    yield "its output is neither clipped nor rounded", IntegerGraph(canonical, _without(plan, [output]))


def _without(plan: QuantPlan, names: list[str]) -> QuantPlan:
    return replace(plan, tensors={name: value for name, value in plan.tensors.items() if name not in names})


def _half_away(values: Float32) -> Float32:
    return np.asarray(np.trunc(values + np.copysign(np.float32(0.5), values)), np.float32)


def _half_up(values: Float32) -> Float32:
    return np.asarray(np.floor(values + np.float32(0.5)))


def _towards_zero(values: Float32) -> Float32:
    return np.asarray(np.trunc(values))


def _shifted(values: Float32) -> Float32:
    return np.asarray(np.rint(values + np.float32(UINT8_SHIFT)) - np.float32(UINT8_SHIFT))


def _down(values: Float32) -> Float32:
    return np.asarray(np.floor(values))


ROUNDINGS: dict[str, Rounding] = {
    "rounds ties away from zero": _half_away,
    "rounds ties up": _half_up,
    "rounds towards zero": _towards_zero,
    "rounds down": _down,
    "adds the zero point 128 before it rounds": _shifted,
}
