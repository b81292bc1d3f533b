"""Ifs whose condition is a constant: the branch that is always taken stands in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import GraphProto, NodeProto, helper

from workbench.model.channel_affine import attribute_of
from workbench.model.protos import all_nodes, array_of, constants_of, fresh_name, subgraphs, used_names


def inline_branches(graph: GraphProto) -> list[dict[str, Any]]:
    """Replace such Ifs in place, those inside a branch that was taken too; the If's outputs keep their names.

    Exporters write them for sizes they did not know, and a model for two sample rates is one If on the rate.

    Returns:
        One {"kind": "inline_branch", "node": ..., "branch": "then_branch" or "else_branch"} per If.
    """
    transforms = []
    while (node := _settled(graph)) is not None:
        name = "then_branch" if array_of(constants_of(graph)[node.input[0]]).any() else "else_branch"
        _inline(graph, node, attribute_of(node, name, None))
        transforms.append({"kind": "inline_branch", "node": node.name, "branch": name})
    return transforms


def _settled(graph: GraphProto) -> NodeProto | None:
    constants = constants_of(graph)
    return next((node for node in graph.node if node.op_type == "If" and node.input[0] in constants), None)


def _inline(graph: GraphProto, node: NodeProto, branch: GraphProto) -> None:
    before = list(graph.node)
    place = next(index for index, other in enumerate(before) if other is node)
    graph.node.remove(node)
    names = _new_names(graph, node, branch)
    for child in branch.node:
        _rename(child, names)
    taken = {other.name for other in all_nodes(graph)}
    for child in branch.node:
        child.name = fresh_name(child.name or f"{node.name}_{child.op_type}", taken)
    given = [names.get(value.name, value.name) for value in branch.output]
    ends = [
        helper.make_node("Identity", [inner], [outer], name=fresh_name(f"{node.name}_{outer}", taken))
        for inner, outer in zip(given, node.output, strict=True)
        if inner != outer
    ]
    for tensor in branch.initializer:
        tensor.name = names[tensor.name]
    graph.initializer.extend(branch.initializer)
    del graph.node[:]
    graph.node.extend([*before[:place], *branch.node, *ends, *before[place + 1 :]])


def _new_names(graph: GraphProto, node: NodeProto, branch: GraphProto) -> dict[str, str]:
    """Return the branch's own tensors -> names outside: the If's output where it is given out, else a free one."""
    made = [name for child in branch.node for name in child.output if name]
    taken = used_names(graph) | set(node.output)
    names = {
        value.name: outer for value, outer in zip(branch.output, node.output, strict=True) if value.name in set(made)
    }
    for name in (*made, *(tensor.name for tensor in branch.initializer)):
        if name not in names:
            names[name] = fresh_name(name, taken)
    return names


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Rename tensors that a node and its subgraphs read and make, all at once."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for inner in subgraphs(node):
        for value in (*inner.input, *inner.output, *inner.initializer):
            value.name = names.get(value.name, value.name)
        for child in inner.node:
            _rename(child, names)
