"""Constant folding: what does not depend on the inputs, and shape arithmetic, becomes initializers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from workbench.model.protos import array_of, fresh_name, refresh_shapes, shape_of, used_names, value_infos
from workbench.model.shape_values import Known, partial_value

Array = npt.NDArray[Any]
MAX_FOLDED_ELEMENTS = 1 << 24
_MAX_ROUNDS = 10
_NEVER_FOLDED = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
    | {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "If", "Loop", "Scan", "Conv", "ConvTranspose"}
)
_NOT_EVALUATED = (NotImplementedError, RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError)


@dataclass
class _Folding:
    """State of one pass over the graph: arrays by name, half-known integer vectors by name, shapes by name."""

    proto: ModelProto
    constants: dict[str, TensorProto]
    partial: dict[str, Known]
    infos: dict[str, ValueInfoProto]
    shapes: dict[str, tuple[int | str, ...]]
    kept: set[str]
    taken: set[str]
    transforms: list[dict[str, Any]]


def fold_constants(proto: ModelProto) -> list[dict[str, Any]]:
    """Fold constants and shape arithmetic in place until nothing changes; shapes are inferred anew.

    A symbolic batch stays symbolic: a Reshape to a shape with one unknown size gets -1 there, or 0 for an axis
    that it copies, which is right for every batch. Nodes that produce a graph output, draw random numbers or
    (de)quantize stay.

    Returns:
        One transform per folded node; a Constant that becomes an initializer changes nothing and has none.
    """
    transforms: list[dict[str, Any]] = []
    for _ in range(_MAX_ROUNDS):
        refresh_shapes(proto)
        found = _fold_once(proto)
        transforms += found
        if not found:
            break
    return transforms


def _fold_once(proto: ModelProto) -> list[dict[str, Any]]:
    graph = proto.graph
    infos = value_infos(proto)
    shapes = {name: shape for name, value in infos.items() if (shape := shape_of(value)) is not None}
    state = _Folding(
        proto=proto,
        constants={tensor.name: tensor for tensor in graph.initializer},
        partial={},
        infos=infos,
        shapes=shapes,
        kept={value.name for value in graph.output},
        taken=used_names(graph),
        transforms=[],
    )
    remaining = [node for node in graph.node if not _fold_node(node, state)]
    del graph.node[:]
    graph.node.extend(remaining)
    return state.transforms


def _fold_node(node: NodeProto, state: _Folding) -> bool:
    """Fold one node if it can be; True if it is gone."""
    if node.domain or node.op_type in _NEVER_FOLDED or not node.output:
        return False
    _fix_reshape(node, state)
    results = None if state.kept.intersection(node.output) else _evaluated(node, state)
    if results is None:
        return False
    for name, value in zip(node.output, results, strict=True):
        tensor = numpy_helper.from_array(value, name)
        state.proto.graph.initializer.append(tensor)
        state.constants[name] = tensor
    if node.op_type != "Constant":
        state.transforms.append(
            {"kind": "fold_constant", "node": node.name, "op_type": node.op_type, "into": node.output[0]}
        )
    return True


def _evaluated(node: NodeProto, state: _Folding) -> list[Array] | None:
    """Return the node's outputs as arrays, or None where they are not all known."""
    read = [name for name in node.input if name]
    if node.op_type == "Constant":
        return _constant(node)
    if node.op_type == "Size" and read and _is_static(state.shapes.get(read[0])):
        return [np.asarray(math.prod(int(dim) for dim in state.shapes[read[0]]), np.int64)]
    if read and all(name in state.constants for name in read):
        return _reference(node, state)
    known = partial_value(node, lambda name: _known(name, state), state.shapes)
    if known is None:
        return None
    if not all(isinstance(value, int) for value in known.ravel()):
        state.partial[node.output[0]] = known
        return None
    return [known.astype(_type_of(node.output[0], state))]


def _constant(node: NodeProto) -> list[Array] | None:
    attribute = node.attribute[0]
    value = helper.get_attribute_value(attribute)
    converters: dict[str, Callable[[Any], Array]] = {
        "value": array_of,
        "value_float": lambda number: np.asarray(number, np.float32),
        "value_floats": lambda numbers: np.asarray(numbers, np.float32),
        "value_int": lambda number: np.asarray(number, np.int64),
        "value_ints": lambda numbers: np.asarray(numbers, np.int64),
    }
    convert = converters.get(attribute.name)
    return [convert(value)] if convert else None


def _reference(node: NodeProto, state: _Folding) -> list[Array] | None:
    """Run one node on constants with ONNX's own reference; None where that is too large or not possible."""
    size = _elements(state.shapes.get(node.output[0]))
    if size is None or size > MAX_FOLDED_ELEMENTS or "" in node.output:
        return None
    names = [name for name in dict.fromkeys(node.input) if name]
    outputs = [state.infos[name] for name in node.output if name in state.infos]
    graph = helper.make_graph([node], "one", [helper.make_empty_tensor_value_info(name) for name in names], outputs)
    model = helper.make_model(graph, opset_imports=list(state.proto.opset_import))
    feeds = {name: array_of(state.constants[name]) for name in names}
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  (slow to import, seldom needed)

    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(list(node.output), feeds)
    except _NOT_EVALUATED:
        return None
    types = [helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in outputs]
    arrays = [np.asarray(result) for result in results]
    fits = len(types) == len(arrays) and all(a.dtype == t for a, t in zip(arrays, types, strict=True))
    return arrays if fits else None


def _fix_reshape(node: NodeProto, state: _Folding) -> None:
    """Give a Reshape a constant target where the unknown sizes can be said with one -1 and copied axes (0)."""
    if node.op_type != "Reshape" or node.input[1] not in state.partial:
        return
    entries = list(state.partial[node.input[1]].ravel())
    target = _reshape_target(entries, state.shapes.get(node.input[0], ()))
    if target is None or 0 in entries or any(attribute.name == "allowzero" for attribute in node.attribute):
        return
    name = fresh_name(f"{node.name}__shape", state.taken)
    state.proto.graph.initializer.append(numpy_helper.from_array(np.asarray(target, np.int64), name))
    node.input[1] = name
    state.transforms.append({"kind": "fold_shape", "node": node.name, "into": name})


def _reshape_target(entries: Sequence[Any], source: Sequence[int | str]) -> list[int] | None:
    """Return a target with the unknown entry as -1, or with entries that name the source's same axis as 0."""
    target = [entry if isinstance(entry, int) else -1 for entry in entries]
    if target.count(-1) > 1:
        same = [entry == size and isinstance(entry, str) for entry, size in zip(entries, source, strict=False)]
        target = [0 if index < len(same) and same[index] else size for index, size in enumerate(target)]
    return target if target.count(-1) <= 1 else None


def _known(name: str, state: _Folding) -> Known | None:
    """Return a small integer constant or a half-known value by name, as an object array."""
    if name in state.partial:
        return state.partial[name]
    tensor = state.constants.get(name)
    if tensor is None or tensor.data_type not in (TensorProto.INT64, TensorProto.INT32) or len(tensor.dims) > 1:
        return None
    return array_of(tensor).astype(object)


def _type_of(name: str, state: _Folding) -> npt.DTypeLike:
    """Return a tensor's numpy type; shape arithmetic is int64 unless the graph says otherwise."""
    value = state.infos.get(name)
    kind = value.type.tensor_type.elem_type if value is not None else 0
    return helper.tensor_dtype_to_np_dtype(kind or TensorProto.INT64)


def _is_static(shape: Sequence[int | str] | None) -> bool:
    return shape is not None and all(isinstance(dim, int) for dim in shape)


def _elements(shape: Sequence[int | str] | None) -> int | None:
    return None if shape is None or not _is_static(shape) else math.prod(int(dim) for dim in shape)
