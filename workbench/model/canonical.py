"""The canonical graph: the one form of a model that plans, lowerings and results speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import onnx
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from workbench.errors import ModelError
from workbench.model.batch_norm import fold_batch_norms
from workbench.model.branches import inline_branches
from workbench.model.channel_affine import fold_scale_layers
from workbench.model.clips import clips_to_relus
from workbench.model.folding import fold_constants
from workbench.model.moved_scales import move_scale_layers
from workbench.model.pass_through import is_pass_through, remove_pass_through
from workbench.model.protos import copy_without, read_names, refresh_shapes, value_infos
from workbench.model.sharing import separate_shared
from workbench.model.sums import sums_to_adds
from workbench.model.zero_bias import add_zero_biases

_TERMINAL_OPS = ("Softmax", "LogSoftmax", "Sigmoid")
_LOOKED_THROUGH = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")


def canonical_graph(proto: ModelProto) -> tuple[ModelProto, tuple[dict[str, Any], ...]]:
    """Return the canonical form of a loaded model and what was done to it.

    Identity, inference Dropout and Casts that change no type go; constants and shape arithmetic become initializers;
    an If on a constant is the branch it takes; a Sum of two is an Add, a Clip at 0 alone a Relu; BatchNormalizations
    and arithmetic with a constant per channel are folded into the Conv, ConvTranspose or Gemm before them; initializers
    whose roles differ are separated; such layers without a bias get one of zeros; nodes that no output needs go; nodes
    are in topological order. Names of nodes and tensors that stay are kept, those of graph inputs and outputs always.
    The answers are those of `proto` up to float rounding, and the same input gives the same bytes.

    Returns:
        The new proto (the argument is not changed) and the transforms, each {"kind": ..., ...}, ready for JSON.
    """
    result = copy_without(proto, ())
    graph = result.graph
    _sort_nodes(graph)
    transforms = remove_pass_through(graph)
    transforms += fold_constants(result)
    while branches := inline_branches(graph):
        transforms += branches + remove_pass_through(graph) + fold_constants(result)
    transforms += remove_pass_through(graph)
    transforms += sums_to_adds(graph)
    transforms += clips_to_relus(graph)
    transforms += _fold_affine_layers(graph)
    transforms += separate_shared(graph)
    transforms += add_zero_biases(graph)
    _drop_unused(graph)
    _sort_nodes(graph)
    refresh_shapes(result)
    return result, tuple(transforms)


def compared_outputs(proto: ModelProto, compare: str) -> tuple[str, ...]:
    """Return the names of the tensors whose values are compared.

    Args:
        compare: "logits": the input of a terminal Softmax, LogSoftmax or Sigmoid stands in for that output (shape
            ops behind it are looked through), other outputs stay; "outputs": the graph's outputs.

    Raises:
        ModelError: `compare` is neither.
    """
    if compare not in ("logits", "outputs"):
        raise ModelError(f"compare = {compare!r} is not known", how="Choose logits or outputs.")
    names = [value.name for value in proto.graph.output]
    if compare == "outputs":
        return tuple(names)
    producers = {name: node for node in proto.graph.node for name in node.output}
    return tuple(dict.fromkeys(_logits_of(name, producers) for name in names))


def with_extra_outputs(proto: ModelProto, names: Iterable[str]) -> ModelProto:
    """Return a copy in which the named tensors are graph outputs too, after the present ones, typed.

    Raises:
        ModelError: there is no such tensor.
    """
    result = copy_without(proto, ())
    missing = [name for name in dict.fromkeys(names) if name not in {value.name for value in proto.graph.output}]
    known = value_infos(result)
    if any(name not in known for name in missing):
        refresh_shapes(result)
        known = value_infos(result)
    for name in missing:
        if name not in known:
            raise ModelError(f"The model has no tensor {name!r}")
        result.graph.output.append(known[name])
        _shape_like_answer(result.graph, known)
    return result


def _shape_like_answer(graph: GraphProto, known: Mapping[str, ValueInfoProto]) -> None:
    """Give the last output, where its rank is not known, the shape of what a Softmax or Sigmoid makes of it.

    A Squeeze without axes on symbolic sizes loses the rank that the model states for its answer.
    """
    value = graph.output[-1]
    for node in graph.node:
        if value.type.tensor_type.HasField("shape"):
            return
        if node.op_type in _TERMINAL_OPS and node.input[0] == value.name and node.output[0] in known:
            value.type.CopyFrom(known[node.output[0]].type)


def _logits_of(output: str, producers: dict[str, NodeProto]) -> str:
    node = producers.get(output)
    while node is not None and (node.op_type in _LOOKED_THROUGH or is_pass_through(node)):
        node = producers.get(node.input[0])
    if node is None or node.op_type not in _TERMINAL_OPS:
        return output
    name = node.input[0]
    while name in producers and is_pass_through(producers[name]):
        name = producers[name].input[0]
    return name if name in producers else output


def _fold_affine_layers(graph: GraphProto) -> list[dict[str, Any]]:
    """Fold BatchNormalizations and scale layers until none is left to fold: one may hide the other from its layer."""
    transforms = move_scale_layers(graph)
    while found := fold_batch_norms(graph) + fold_scale_layers(graph):
        transforms += found
    return transforms


def _drop_unused(graph: GraphProto) -> None:
    """Remove nodes and initializers that no output needs."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(read_names(node))
    _replace_nodes(graph, list(reversed(kept)))
    initializers = [tensor for tensor in graph.initializer if tensor.name in needed]
    if len(initializers) < len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(initializers)


def _sort_nodes(graph: GraphProto) -> None:
    """Put nodes in topological order; among nodes that are ready the present order decides."""
    produced = {name for node in graph.node for name in node.output if name}
    ready: set[str] = set()
    waiting, ordered = list(graph.node), list[NodeProto]()
    while waiting:
        later = []
        for node in waiting:
            if all(name in ready or name not in produced for name in read_names(node)):
                ordered.append(node)
                ready.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ModelError("The model's graph has a cycle", why=f"node {later[0].name!r} waits for itself")
        waiting = later
    _replace_nodes(graph, ordered)


def _replace_nodes(graph: GraphProto, nodes: list[onnx.NodeProto]) -> None:
    if [id(node) for node in nodes] != [id(node) for node in graph.node]:
        del graph.node[:]
        graph.node.extend(nodes)
