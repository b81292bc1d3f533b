"""A declared deviation: tensors after ReLU as uint8 with zero point 0, clamped at code 255 instead of 127.

The scale stays, so that every code from 0 to 127 stands for the same real value as in the plan; values above the
plan's clamp, up to twice its threshold, are kept instead of cut off. What it buys is that saturation at code 0 is the
ReLU, so that no op is left between two integer kernels.
"""

from __future__ import annotations

from dataclasses import replace

import onnx

from workbench.model.protos import reader_counts
from workbench.quant.plan import QuantPlan, TensorParameters
from workbench.quant.select import PASS_THROUGH

UINT8_CLAMP = (0, 255)


def full_range_relu_tensors(graph: onnx.GraphProto, plan: QuantPlan) -> dict[str, TensorParameters]:
    """Return the tensors that deviate -> their parameters, in the graph's order; empty for an affine plan.

    They are the outputs of Relus that are fused into the quantized layer before them, and what pass-through ops and
    Concats make of such tensors alone, since those keep one scale and one zero point.
    """
    fused = _fused_relus(graph, plan)
    found: dict[str, TensorParameters] = {}
    for node in graph.node:
        inputs = node.input if node.op_type == "Concat" else node.input[:1]
        is_passing = node.name in plan.quantized_nodes and node.op_type in PASS_THROUGH | {"Concat"}
        if node.name in fused or (is_passing and all(name in found for name in inputs)):
            found |= {name: _full(plan.tensors[name]) for name in node.output if _is_signed(name, plan)}
    return found


def with_full_range_relu(graph: onnx.GraphProto, plan: QuantPlan) -> QuantPlan:
    """Return the plan with those tensors' parameters in place of its own."""
    return replace(plan, tensors={**plan.tensors, **full_range_relu_tensors(graph, plan)})


def _fused_relus(graph: onnx.GraphProto, plan: QuantPlan) -> set[str]:
    """Return the names of Relus whose input is not quantized but comes, for them alone, from a quantized node."""
    counts = reader_counts(graph)
    quantized = set(plan.quantized_nodes)
    free = {name for node in graph.node if node.name in quantized for name in node.output if counts[name] == 1}
    free -= set(plan.tensors)
    return {node.name for node in graph.node if node.op_type == "Relu" and node.input[0] in free}


def _full(tensor: TensorParameters) -> TensorParameters:
    return replace(tensor, dtype="uint8", clamp=UINT8_CLAMP)


def _is_signed(name: str, plan: QuantPlan) -> bool:
    tensor = plan.tensors.get(name)
    return tensor is not None and tensor.dtype == "int8" and tensor.zero_point == 0
