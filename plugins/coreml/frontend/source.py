"""The ONNX graph as the frontend reads it: constants folded, functions expanded, every tensor with a static shape.

One walk in topological order. A node whose inputs are all constants is computed with ONNX's reference implementation,
but for a DequantizeLinear of 8-bit codes: these stay, because their codes are the point. A node without a conversion
of its own that ONNX defines by other ops is replaced by them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx.checker
import onnx.inliner
import onnx.shape_inference
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from workbench_plugins.coreml.frontend.dtypes import Array

from workbench.errors import ModelError

ONNX_DOMAINS = ("", "ai.onnx")
SMALL = 4096
"""Elements up to which a constant takes part in shape inference."""
LIKE_FIRST = frozenset({"GroupNormalization", "MeanVarianceNormalization", "Mish", "HardSwish", "Swish"})
"""Ops that ONNX infers nothing for by themselves: their output has the type of their first input."""
CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
CODES_OPSET = 19
"""Oldest opset whose QuantizeLinear and DequantizeLinear ONNX's reference implementation has; the same numbers."""
NOT_FOLDED = CONTROL_FLOW | {"RandomNormal", "RandomUniform", "Multinomial", "Bernoulli"}


@dataclass
class Source:
    """A graph ready to be converted.

    Attributes:
        nodes: what is left after folding, in topological order; every node has a name.
        folded: names of nodes that became constants.
        constants: tensor -> value, in its ONNX type.
        types: tensor -> its ONNX type, with a shape as far as it is known.
        inputs, outputs: names, without initializers.
        weights: outputs of a DequantizeLinear of constant codes with constant parameters.
        opset: version of ONNX's own ops.
        imports: the model's opsets.
        expanded: op types replaced by the ops that define them.
    """

    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    imports: list[Any]
    nodes: list[NodeProto] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    types: dict[str, TypeProto] = field(default_factory=dict)
    weights: set[str] = field(default_factory=set)
    expanded: set[str] = field(default_factory=set)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return a tensor's shape, or None where a dimension or the rank is unknown."""
        if name in self.constants:
            return tuple(self.constants[name].shape)
        tensor = self.types[name].tensor_type if name in self.types else TypeProto().tensor_type
        if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in tensor.shape.dim):
            return None
        return tuple(d.dim_value for d in tensor.shape.dim)

    def is_weight(self, name: str) -> bool:
        """Whether a tensor is a constant, or constant codes behind a DequantizeLinear."""
        return name in self.constants or name in self.weights

    def real_value(self, name: str) -> Array | None:
        """Return a constant, or the real numbers of constant codes behind a DequantizeLinear; None for others."""
        if name in self.constants:
            return self.constants[name]
        if name not in self.weights:
            return None
        (node,) = (node for node in self.nodes if name in node.output)
        return np.asarray(self.computed(node)[0])

    def computed(self, node: NodeProto) -> list[Any]:
        """Return the outputs of a node whose inputs are all constant, by ONNX's reference implementation."""
        names = [name for name in dict.fromkeys(node.input) if name]
        inputs, outputs = (
            [helper.make_empty_tensor_value_info(name) for name in each if name] for each in (names, node.output)
        )
        graph = helper.make_graph([node], "one", inputs, outputs)
        newer = node.op_type in ("QuantizeLinear", "DequantizeLinear") and self.opset < CODES_OPSET
        imports = [helper.make_opsetid("", CODES_OPSET)] if newer else self.imports
        model = helper.make_model(graph, opset_imports=imports)
        with np.errstate(all="ignore"):
            return list(ReferenceEvaluator(model).run(None, {name: self.constants[name] for name in names}))

    def element_type(self, name: str) -> int:
        """Return a tensor's ONNX element type; 0 where it is unknown or no tensor."""
        if name in self.constants:
            return int(helper.np_dtype_to_tensor_dtype(self.constants[name].dtype))
        return self.types[name].tensor_type.elem_type if name in self.types else 0


def read_source(model: onnx.ModelProto, claimed: Collection[str]) -> Source:
    """Fold constants and find shapes.

    Args:
        model: with its weights inside; not changed.
        claimed: op types with a conversion; others are expanded where ONNX defines them by a function.

    Raises ModelError where the model contradicts itself.
    """
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    graph = model.graph
    initial = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    opset = next((item.version for item in model.opset_import if item.domain in ONNX_DOMAINS), 1)
    inputs = tuple(value.name for value in graph.input if value.name not in initial)
    outputs = tuple(value.name for value in graph.output)
    source = Source(opset, inputs, outputs, list(model.opset_import), constants=initial)
    source.types.update((value.name, value.type) for value in graph.input if value.name not in initial)
    walk = _Walk(source, claimed)
    try:
        walk.take(graph.node)
    except onnx.shape_inference.InferenceError as error:
        why = str(error).splitlines()[0]
        raise ModelError("The shapes of the ONNX model contradict each other.", why=why) from error
    return source


class _Walk:
    def __init__(self, source: Source, claimed: Collection[str]) -> None:
        self.source, self.claimed = source, claimed

    def take(self, nodes: Iterable[NodeProto]) -> None:
        for node in nodes:
            if self._is_constant(node) and self._fold(node):
                continue
            if (expansion := self._expansion(node)) is not None:
                self.source.expanded.add(node.op_type)
                self.take(expansion)
            else:
                self._keep(node)

    def _is_constant(self, node: NodeProto) -> bool:
        if node.domain not in ONNX_DOMAINS or node.op_type in NOT_FOLDED:
            return False
        if node.op_type in ("Shape", "Size"):
            return self.source.shape(node.input[0]) is not None
        if node.op_type == "DequantizeLinear" and self._is_coded(node.input[0]):
            return False
        return all(name in self.source.constants for name in node.input if name)

    def _is_coded(self, name: str) -> bool:
        codes = self.source.constants.get(name)
        return codes is not None and codes.dtype in (np.int8, np.uint8) and codes.ndim > 0

    def _fold(self, node: NodeProto) -> bool:
        """Compute a node; return False where the reference implementation lacks it: then it stays."""
        try:
            is_shape = node.op_type in ("Shape", "Size")
            values = [_shape_value(node, self.source.shape(node.input[0]) or ())] if is_shape else None
            values = self.source.computed(node) if values is None else values
        except (RuntimeError, NotImplementedError):
            return False
        self.source.folded.append(name_of(node))
        for name, value in zip(node.output, values, strict=False):
            if name:
                self.source.constants[name] = np.asarray(value)
        return True

    def _expansion(self, node: NodeProto) -> list[NodeProto] | None:
        schema = _schema(node, self.source.opset)
        if node.op_type in self.claimed or schema is None:
            return None
        body = None
        if schema.has_context_dependent_function and all(not name or self._type(name) for name in node.input):
            types = [(self._type(name) or TypeProto()).SerializeToString() for name in node.input]
            body = schema.get_context_dependent_function(node.SerializeToString(), types)
        elif schema.has_function:
            body = schema.get_function_with_opset_version(self.source.opset)
        defaults = {name: item.default_value for name, item in schema.attributes.items() if item.default_value.name}
        return _instance(onnx.FunctionProto.FromString(body), node, defaults) if body else None

    def _keep(self, node: NodeProto) -> None:
        kept = NodeProto()
        kept.CopyFrom(node)
        kept.name = name_of(node)
        self.source.nodes.append(kept)
        if node.op_type == "DequantizeLinear" and all(name in self.source.constants for name in node.input if name):
            self.source.weights.add(node.output[0])
        schema = _schema(node, self.source.opset)
        if schema is None or node.op_type in CONTROL_FLOW:
            return
        types = {name: kind for name in node.input if name and (kind := self._type(name)) is not None}
        data = {
            name: numpy_helper.from_array(self.source.constants[name], name)
            for name in node.input
            if name in self.source.constants and self.source.constants[name].size <= SMALL
        }
        if len(types) == len({name for name in node.input if name}):
            self._note_types(kept, self._inferred(schema, kept, types, data))

    def _inferred(
        self, schema: Any, node: NodeProto, types: dict[str, TypeProto], data: dict[str, TensorProto]
    ) -> dict[str, TypeProto]:
        """Return the types of a node's outputs; {} for an op that its opset marks as deprecated."""
        imports = self.source.imports
        try:
            return onnx.shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=imports)
        except onnx.checker.ValidationError:
            return {}

    def _note_types(self, node: NodeProto, found: dict[str, TypeProto]) -> None:
        """Keep the types of a node's outputs; one without any elements is a constant, whatever computes it."""
        self.source.types.update(found)
        if node.op_type in LIKE_FIRST and self.source.shape(node.output[0]) is None:
            self.source.types[node.output[0]] = self.source.types[node.input[0]]
        for name in found:
            shape = self.source.shape(name)
            if shape is not None and 0 in shape and name not in self.source.outputs:
                dtype = helper.tensor_dtype_to_np_dtype(self.source.element_type(name))
                self.source.constants[name] = np.zeros(shape, dtype)

    def _type(self, name: str) -> TypeProto | None:
        if name in self.source.constants:
            array = self.source.constants[name]
            return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        return self.source.types.get(name)


def name_of(node: NodeProto) -> str:
    """Return a node's name, or its first output's where it has none."""
    return str(node.name or next((name for name in node.output if name), node.op_type))


def _schema(node: NodeProto, opset: int) -> Any:
    if node.domain not in ONNX_DOMAINS or not onnx.defs.has(node.op_type):
        return None
    try:
        return onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return None


def _shape_value(node: NodeProto, shape: tuple[int, ...]) -> Array:
    if node.op_type == "Size":
        return np.asarray(np.prod(shape, dtype=np.int64), np.int64)
    attributes = {item.name: item.i for item in node.attribute}
    return np.asarray(shape[attributes.get("start", 0) : attributes.get("end", len(shape))], np.int64)


def _instance(body: onnx.FunctionProto, node: NodeProto, defaults: dict[str, Any]) -> list[NodeProto]:
    """Return a function's nodes for one call: outer names outside, its own names behind the call's name."""
    prefix = name_of(node)
    given = {item.name: item for item in node.attribute}
    names = dict(zip(body.input, [*node.input, *[""] * len(body.input)], strict=False))
    names |= {inner: outer for inner, outer in zip(body.output, node.output, strict=False) if outer}
    defaults = defaults | {item.name: item for item in body.attribute_proto}
    nodes = []
    for place, inner in enumerate(body.node):
        copy = NodeProto()
        copy.CopyFrom(inner)
        copy.name = f"{prefix}/{inner.op_type}_{place}"
        copy.input[:] = [names.get(name, f"{prefix}/{name}") if name else "" for name in inner.input]
        copy.output[:] = [names.get(name, f"{prefix}/{name}") if name else "" for name in inner.output]
        _fill_attributes(copy, defaults | given)
        nodes.append(copy)
    return nodes


def _fill_attributes(node: NodeProto, outer: dict[str, Any]) -> None:
    """Replace references to the call's attributes by their values; one without a value is left out."""
    filled = []
    for item in node.attribute:
        if not item.ref_attr_name:
            filled.append(item)
        elif item.ref_attr_name in outer:
            copy = onnx.AttributeProto()
            copy.CopyFrom(outer[item.ref_attr_name])
            copy.name = item.name
            filled.append(copy)
    del node.attribute[:]
    node.attribute.extend(filled)
