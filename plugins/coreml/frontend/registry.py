"""ONNX op type -> the function that converts it, collected from the families."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from workbench_plugins.coreml.frontend import (
    ops_activation,
    ops_compare,
    ops_conv,
    ops_elementwise,
    ops_gather,
    ops_linear,
    ops_norm,
    ops_pad,
    ops_pool,
    ops_quantize,
    ops_recurrent,
    ops_reduce,
    ops_resize,
    ops_scatter,
    ops_shape,
)
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

Lowering = Callable[[Step], Value | Sequence[Value]]
"""Returns the variable of the first output, or a list of those of all outputs (None for one without a name)."""

FAMILIES: Mapping[str, Mapping[str, Lowering]] = {
    "convolution": ops_conv.OPS,
    "pooling": ops_pool.OPS,
    "linear": ops_linear.OPS,
    "elementwise": ops_elementwise.OPS,
    "comparison": ops_compare.OPS,
    "activation": ops_activation.OPS,
    "normalization": ops_norm.OPS,
    "shape": ops_shape.OPS,
    "padding": ops_pad.OPS,
    "gathering": ops_gather.OPS,
    "scattering": ops_scatter.OPS,
    "resizing": ops_resize.OPS,
    "reduction": ops_reduce.OPS,
    "recurrent": ops_recurrent.OPS,
    "quantization": ops_quantize.OPS,
}
LOWERINGS: Mapping[str, Lowering] = {op: lower for family in FAMILIES.values() for op, lower in family.items()}
FOLDED_ONLY = frozenset({"Constant", "Shape", "Size", "ConstantOfShape"})
"""Ops that have no conversion and need none: with static shapes they are constants."""
