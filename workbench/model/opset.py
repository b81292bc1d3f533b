"""Raising a model's opset without changing its answers."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx.version_converter
from onnx import AttributeProto, ModelProto, NodeProto, helper

from workbench.errors import ModelError
from workbench.model.protos import (
    DEFAULT_DOMAINS,
    all_nodes,
    opset_of,
    reader_counts,
    refresh_shapes,
    shape_of,
    value_infos,
    weight_bytes,
)

MINIMUM_OPSET = 13
_MAX_CONVERTIBLE_BYTES = 1_900_000_000
_COERCED_OPS = ("Softmax", "LogSoftmax", "Hardmax")
_CONVERTER_ERRORS = (
    onnx.version_converter.ConvertError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
)


def raise_opset(proto: ModelProto) -> ModelProto:
    """Return the model with the default domain at opset 13 or higher; the same object if it is there already.

    `Upsample` and opset-10 `Resize` place their samples by x_in = x_out / scale ("asymmetric"); the converter leaves
    the later default ("half_pixel"), which is another function, so the old one is written out.

    Raises:
        ModelError: no conversion exists; the op is named.
    """
    if opset_of(proto) >= MINIMUM_OPSET:
        return proto
    _refuse_old_broadcast(proto)
    if weight_bytes(proto) > _MAX_CONVERTIBLE_BYTES:
        raise ModelError("The model is too large for raising its opset", how="Export it with opset 13 or higher.")
    legacy = {node.output[0] for node in _default_nodes(proto) if node.op_type in ("Upsample", "Resize")}
    has_old_resize = opset_of(proto) < 11
    raised = _converted(proto)
    for node in _default_nodes(raised):
        if has_old_resize and node.op_type == "Resize" and node.output[0] in legacy:
            _place_like_opset_10(node)
    _unwrap_softmax(raised)
    return raised


def _converted(proto: ModelProto) -> ModelProto:
    try:
        return onnx.version_converter.convert_version(proto, MINIMUM_OPSET)
    except _CONVERTER_ERRORS as error:
        op = _first_unconvertible(proto)
        raise ModelError(
            f"Opset {opset_of(proto)} cannot be raised to {MINIMUM_OPSET}",
            why=f"op {op}: {_first_line(error)}" if op else _first_line(error),
            how=f"Export the model again with opset {MINIMUM_OPSET} or higher.",
        ) from error


def _first_unconvertible(proto: ModelProto) -> str:
    """Find the op type whose node alone does not convert; "" if each one does."""
    known = value_infos(proto)
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    tried: set[str] = set()
    for node in _default_nodes(proto):
        if node.op_type in tried:
            continue
        tried.add(node.op_type)
        inputs = [known.get(name) or _untyped(name) for name in node.input if name]
        outputs = [known.get(name) or _untyped(name) for name in node.output if name]
        own = [constants[name] for name in node.input if name in constants]
        graph = helper.make_graph([node], "one", inputs, outputs, own)
        single = helper.make_model(graph, opset_imports=list(proto.opset_import), ir_version=proto.ir_version)
        try:
            onnx.version_converter.convert_version(single, MINIMUM_OPSET)
        except _CONVERTER_ERRORS:
            return str(node.op_type)
    return ""


def _refuse_old_broadcast(proto: ModelProto) -> None:
    """Refuse the broadcast axis of opsets below 7: the converter turns it into another axis."""
    for node in _default_nodes(proto):
        named = {attribute.name for attribute in node.attribute}
        if opset_of(proto) < 7 and {"broadcast", "axis"} <= named:
            raise ModelError(
                f"Opset {opset_of(proto)} cannot be raised to {MINIMUM_OPSET}",
                why=f"op {node.op_type} broadcasts along an axis as before opset 7",
                how=f"Export the model again with opset {MINIMUM_OPSET} or higher.",
            )


def _place_like_opset_10(node: NodeProto) -> None:
    kept = [
        attribute
        for attribute in node.attribute
        if attribute.name not in ("coordinate_transformation_mode", "nearest_mode")
    ]
    added: list[AttributeProto] = [
        helper.make_attribute("coordinate_transformation_mode", "asymmetric"),
        helper.make_attribute("nearest_mode", "floor"),
    ]
    del node.attribute[:]
    node.attribute.extend(kept + added)


def _unwrap_softmax(proto: ModelProto) -> None:
    """Undo the converter's Flatten, Softmax, Reshape to the old shape where that is a Softmax over the last axis.

    Without it the logits would be a tensor of another rank than the output, with a made-up name.
    """
    graph = proto.graph
    try:
        refresh_shapes(proto)
    except onnx.shape_inference.InferenceError:
        return  # the check that follows tells the user
    for reshape in [node for node in graph.node if node.op_type == "Reshape"]:
        wrapped = _wrapped_softmax(proto, reshape)
        if wrapped is not None:
            flatten, softmax = wrapped
            softmax.input[0], softmax.output[0] = flatten.input[0], reshape.output[0]
            graph.node.remove(flatten)
            graph.node.remove(reshape)


def _wrapped_softmax(proto: ModelProto, reshape: NodeProto) -> tuple[NodeProto, NodeProto] | None:
    """Return Flatten and Softmax if the Reshape brings back what the Flatten took, over the last axis alone."""
    producers = {name: node for node in proto.graph.node for name in node.output}
    softmax, shape = (producers.get(name) for name in reshape.input)
    if softmax is None or shape is None or softmax.op_type not in _COERCED_OPS or shape.op_type != "Shape":
        return None
    flatten = producers.get(softmax.input[0])
    if flatten is None or flatten.op_type != "Flatten" or flatten.input[0] != shape.input[0]:
        return None
    counts, known = reader_counts(proto.graph), value_infos(proto)
    stated = [known[name] for name in (flatten.input[0], reshape.output[0]) if name in known]
    rank = next((len(sizes) for value in stated if (sizes := shape_of(value))), 0)
    axis = next((attribute.i for attribute in flatten.attribute if attribute.name == "axis"), 1)
    alone = counts[softmax.input[0]] == counts[softmax.output[0]] == 1
    return (flatten, softmax) if alone and rank and axis in (rank - 1, -1) else None


def _default_nodes(proto: ModelProto) -> Iterator[NodeProto]:
    return (node for node in all_nodes(proto.graph) if node.domain in DEFAULT_DOMAINS)


def _untyped(name: str) -> onnx.ValueInfoProto:
    value = onnx.ValueInfoProto()
    value.name = name
    return value


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
