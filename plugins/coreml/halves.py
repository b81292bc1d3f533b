"""Biases in float16: rounded here, to the nearest, so that a package's biases are known before it is written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from workbench_plugins.coreml.naming import planned_biases

Bias = npt.NDArray[np.float32]
LARGEST = 65504.0
"""Largest finite float16; coremltools leaves a layer with a larger constant in float32."""


def rounded(bias: Bias) -> Bias:
    """Return float32 [C] as the nearest float16 values; as it is where one of them has no finite float16."""
    if np.max(np.abs(bias), initial=0.0) > LARGEST:
        return bias
    return bias.astype(np.float16).astype(np.float32)


def rounded_biases(planned: Mapping[str, Bias]) -> dict[str, Bias]:
    """Return the biases of a plan that float16 changes, rounded."""
    halves = {name: rounded(bias) for name, bias in planned.items()}
    return {name: half for name, half in halves.items() if not np.array_equal(half, planned[name])}


def round_biases(model: onnx.ModelProto) -> None:
    """Round the plan's biases in a Q/DQ graph, in place.

    coremltools' own cast raises tiny values of short vectors to the smallest float16; of rounded ones it changes none.
    """
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    for _, name in planned_biases(model):
        half = rounded(numpy_helper.to_array(initializers[name]))
        initializers[name].CopyFrom(numpy_helper.from_array(half, name))


def told(planned: Mapping[str, Bias], halves: Mapping[str, Bias]) -> str:
    """Return how many biases are rounded, and the largest rounding as a share of its own value."""
    if not halves:
        return f"none of {len(planned)} rounded"
    largest = max(_largest_share(planned[name], half) for name, half in halves.items())
    return f"{len(halves)} of {len(planned)} rounded, a value by {100 * largest:.2g} % at most"


def _largest_share(planned: Bias, half: Bias) -> float:
    """Return max |half - planned| / |planned| over elements of float16's normal range; below it the step is 2^-24."""
    normal = np.abs(planned) >= np.finfo(np.float16).smallest_normal
    return float(np.max(np.abs(half - planned)[normal] / np.abs(planned)[normal], initial=0.0))
