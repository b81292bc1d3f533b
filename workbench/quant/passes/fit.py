"""Whether a plan and a graph belong together, and the opset that a Q/DQ graph needs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx

from workbench.errors import PlanError
from workbench.quant.plan import QuantPlan


def check_fit(graph: onnx.GraphProto, plan: QuantPlan) -> None:
    """Raise PlanError where the plan names a tensor, weight or bias that the graph has not, or of another shape."""
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    names = {item.name for item in graph.input} | {name for node in graph.node for name in node.output}
    _refuse("tensor", (name for name in plan.tensors if name not in names))
    _refuse("weight", (name for name, value in plan.weights.items() if shapes.get(name) != value.codes.shape))
    _refuse("bias", (name for name, value in plan.biases.items() if np.prod(shapes.get(name, (0,))) != value.size))
    _refuse("weight", (name for name, value in plan.float_values.items() if shapes.get(name) != value.shape))


def at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the model at this version of the default domain or a newer one; the argument is not changed."""
    present = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    if present >= opset:
        return model
    from onnx import version_converter  # noqa: PLC0415  (loads a C++ module that most calls do not need)

    return version_converter.convert_version(model, opset)


def _refuse(kind: str, names: Iterable[str]) -> None:
    for name in names:
        raise PlanError(
            f"The plan does not belong to this model: {kind} {name}",
            why="the graph has none of that name and shape",
            how="Calibrate again, or use the model the plan was made for.",
        )
