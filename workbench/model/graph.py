"""A model's graph as plain values: what plugins, the plan and the window need, without onnx.

Shapes use batch 1 where the batch is symbolic. Multiply-accumulates (MACs) are per sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COMPUTE_OPS: frozenset[str] = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of an input or output.

    Attributes:
        dtype: numpy name, such as "float32".
        shape: an int per fixed axis, a name (str) per symbolic one.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class NodeSummary:
    """One node of the canonical graph.

    Attributes:
        name: unique, never empty.
        inputs, outputs: tensor names; "" for an optional input left out.
        attributes: ONNX attributes as plain Python values; tensors and subgraphs are left out.
        macs: multiply-accumulates per sample; 0 for ops that do not multiply-accumulate.
        constant_inputs: indices of inputs that are initializers.
        outer_reads: tensors that its subgraphs (If, Loop, Scan) take from outside, and it itself does not.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    macs: int = 0
    constant_inputs: tuple[int, ...] = ()
    outer_reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphSummary:
    """The canonical graph in topological order.

    Attributes:
        shapes: tensor name -> shape (int, or str where symbolic); unknown tensors are absent.
        opset: version of the default ONNX domain.
        constants: initializer name -> its values, for those of at most 16 elements (Clip bounds, Pad values).
    """

    nodes: tuple[NodeSummary, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    shapes: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    opset: int = 0
    constants: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        return sum(node.macs for node in self.nodes)
