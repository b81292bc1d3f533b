"""A Q/DQ graph under construction: what passes read and change, and the names that they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from workbench.errors import PlanError
from workbench.model.protos import read_names, used_names
from workbench.quant.plan import QuantPlan

CODES, SCALE, ZERO_POINT, ADDED = "__codes", "__scale", "__zero_point", "__added"
QUANTIZED, DEQUANTIZED, RAW = "__quantized", "__dequantized", "__float"
QUANTIZE, DEQUANTIZE = "__quantize", "__dequantize"


@dataclass
class Draft:
    """Nodes and constants that passes edit; names of the canonical graph stay what they were.

    Attributes:
        plan: the numbers that are written.
        nodes: own copies, in topological order.
        constants: initializers by name; a changed one is replaced, never edited.
        inputs, outputs: names of the graph's inputs and outputs.
        taken: all tensor names in use.
        float_made: planned tensors that stay float for readers without a quantized edge.
    """

    plan: QuantPlan
    nodes: list[onnx.NodeProto]
    constants: dict[str, onnx.TensorProto]
    inputs: frozenset[str]
    outputs: frozenset[str]
    taken: set[str]
    float_made: frozenset[str] = frozenset()

    def raw_name(self, tensor: str) -> str:
        """Return the name of a planned tensor before it is quantized; a graph output leaves its own name to the DQ."""
        return tensor + RAW if self._is_renamed(tensor) else tensor

    def read_name(self, tensor: str) -> str:
        """Return the name of a planned tensor after it is dequantized."""
        return tensor if self._is_renamed(tensor) else tensor + DEQUANTIZED

    def reads_codes(self, node: onnx.NodeProto, index: int) -> bool:
        """Whether an input of a node is the dequantized value of a planned tensor."""
        name = node.input[index]
        is_edge = index in self.plan.edges.get(node.name, ())
        return name in self.plan.tensors and (is_edge or name not in self.float_made)

    def parameters(self, tensor: str) -> list[str]:
        """Return the names of a tensor's scale and zero point."""
        return [tensor + SCALE, tensor + ZERO_POINT]

    def quantize(self, tensor: str, raw: str, parameters: Sequence[str]) -> onnx.NodeProto:
        """Return a new QuantizeLinear from `raw` to the codes of `tensor`."""
        codes = self.fresh(tensor + QUANTIZED)
        return helper.make_node("QuantizeLinear", [raw, *parameters], [codes], tensor + QUANTIZE)

    def dequantize(self, tensor: str, read: str, parameters: Sequence[str]) -> onnx.NodeProto:
        """Return a new DequantizeLinear from the codes of `tensor` to `read`."""
        output = read if read in self.outputs else self.fresh(read)
        inputs = [tensor + QUANTIZED, *parameters]
        return helper.make_node("DequantizeLinear", inputs, [output], tensor + DEQUANTIZE)

    def dequantized_constant(self, name: str, values: Mapping[str, npt.NDArray[Any]], axis: int) -> onnx.NodeProto:
        """Add codes, scale [C] and zero point [C] of a constant (by suffix); return their new DequantizeLinear."""
        for suffix in (CODES, SCALE, ZERO_POINT):
            self.add_constant(name + suffix, values[suffix])
        inputs = [name + suffix for suffix in (CODES, SCALE, ZERO_POINT)]
        output = self.fresh(name + DEQUANTIZED)
        return helper.make_node("DequantizeLinear", inputs, [output], name + DEQUANTIZE, axis=axis)

    def add_constant(self, name: str, value: npt.NDArray[Any]) -> None:
        """Add an initializer of a new name. Raises PlanError where the model has a tensor of that name."""
        self.set_constant(self.fresh(name), value)

    def set_constant(self, name: str, value: npt.NDArray[Any]) -> None:
        """Put another value under a name."""
        self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a constant's values."""
        return numpy_helper.to_array(self.constants[name])

    def replace(self, changes: Mapping[str, Sequence[onnx.NodeProto]]) -> None:
        """Put other nodes in the place of those named."""
        self.nodes = [new for node in self.nodes for new in changes.get(node.name, (node,))]

    def fresh(self, name: str) -> str:
        """Take a new tensor name. Raises PlanError where the model has it already."""
        if name in self.taken:
            raise PlanError(f"The model already has a tensor named {name}", how="Rename that tensor in the model.")
        self.taken.add(name)
        return name

    def model(self, source: onnx.ModelProto) -> onnx.ModelProto:
        """Return the finished model: only constants that are read, the source's inputs, outputs and opsets."""
        read = {name for node in self.nodes for name in read_names(node)} | self.outputs
        constants = [item for name, item in self.constants.items() if name in read]
        produced = {name for node in self.nodes for name in node.output} - self.outputs
        graph = helper.make_graph(self.nodes, source.graph.name, source.graph.input, source.graph.output, constants)
        graph.value_info.extend(item for item in source.graph.value_info if item.name in produced)
        model = helper.make_model(graph, opset_imports=source.opset_import, producer_name="int8-workbench")
        model.ir_version = source.ir_version
        return model

    def _is_renamed(self, tensor: str) -> bool:
        return tensor in self.outputs and tensor not in self.inputs and tensor not in self.float_made


Pass = Callable[[Draft], None]
"""A rule: it changes a draft in place and keeps its real values."""


def draft_of(graph: onnx.GraphProto, plan: QuantPlan) -> Draft:
    """Return a draft that is still the float graph; `graph` is not changed."""
    producers = {name: node.name for node in graph.node for name in node.output}
    return Draft(
        plan=plan,
        nodes=[copied(node) for node in graph.node],
        constants={item.name: item for item in graph.initializer},
        inputs=frozenset(item.name for item in graph.input),
        outputs=frozenset(item.name for item in graph.output),
        taken=used_names(graph),
        float_made=plan.float_made(producers),
    )


def copied(node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a copy of a node."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy
