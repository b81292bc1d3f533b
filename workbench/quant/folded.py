"""Float constants that folding computed, kept in the plan where another machine would compute other last bits.

IEEE arithmetic and moves give the same bits everywhere. Exponentials, powers and sums do not: numpy and its matrix
library take other instructions on another processor. What such ops were folded into then travels with the plan, so
that lowering never depends on the machine.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from workbench.quant.plan import QuantPlan

REPRODUCIBLE = frozenset(
    {"Abs", "Add", "And", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "DepthToSpace", "Div"}
    | {"Equal", "Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual"}
    | {"Identity", "Less", "LessOrEqual", "Max", "Min", "Mul", "Neg", "Not", "Or", "Pad", "Range", "Reciprocal"}
    | {"Relu", "Reshape", "Round", "ScatterElements", "ScatterND", "Shape", "Sign", "Size", "Slice", "SpaceToDepth"}
    | {"Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where", "Xor"}
)
"""Ops whose result every machine agrees on to the last bit."""


def with_folded_values(canonical: onnx.ModelProto, plan: QuantPlan) -> QuantPlan:
    """Return the plan with every folded float32 constant that a node reads as float, where one op may have rounded.

    What is in the plan as codes, as a bias or changed by a transform stays as it is. Folded constants are taken all
    together or, where all of their ops are reproducible, not at all.
    """
    folded = [item for item in plan.transforms if item["kind"] == "fold_constant"]
    if all(item["op_type"] in REPRODUCIBLE for item in folded):
        return plan
    names = _written(plan, canonical.graph) & _read_as_float(canonical, plan)
    found = {
        item.name: _float32(item)
        for item in canonical.graph.initializer
        if item.name in names and item.data_type == TensorProto.FLOAT
    }
    return replace(plan, float_values={**found, **plan.float_values})


def _written(plan: QuantPlan, graph: onnx.GraphProto) -> set[str]:
    """Return the constants that folding wrote or copied: those it names, or those of the layer that it names."""
    targets = {item["into"] for item in plan.transforms if item["kind"].startswith(("fold_", "copy_"))}
    return targets | {name for node in graph.node if node.name in targets for name in node.input[1:]}


def _read_as_float(canonical: onnx.ModelProto, plan: QuantPlan) -> set[str]:
    """Return the tensors that some node reads otherwise than as codes or as a bias of the plan."""
    return {
        name
        for node in canonical.graph.node
        for index, name in enumerate(node.input)
        if name not in plan.biases and not (name in plan.weights and index in plan.edges.get(node.name, ()))
    }


def _float32(tensor: TensorProto) -> npt.NDArray[np.float32]:
    return np.asarray(numpy_helper.to_array(tensor), np.float32)
