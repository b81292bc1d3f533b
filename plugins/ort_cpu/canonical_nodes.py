"""The canonical graph's nodes in a small file beside the artifact, so that a session can say where each one ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import ModelError
from workbench.spi import GraphSummary, QuantPlan

SUFFIX = ".nodes.json"


@dataclass(frozen=True)
class CanonicalNode:
    """One node: unique name, op type, activation inputs (constants left out) and outputs, all by tensor name."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class CanonicalNodes:
    """Nodes in topological order, and why the plan leaves some of them in float (node name -> reason)."""

    nodes: tuple[CanonicalNode, ...]
    float_reasons: Mapping[str, str] = field(default_factory=dict)


def nodes_of(graph: GraphSummary, plan: QuantPlan | None) -> CanonicalNodes:
    """Keep what placement needs of the graph and the plan."""
    nodes = tuple(
        CanonicalNode(
            node.name,
            node.op_type,
            tuple(name for i, name in enumerate(node.inputs) if name and i not in node.constant_inputs),
            tuple(name for name in node.outputs if name),
        )
        for node in graph.nodes
    )
    return CanonicalNodes(nodes, {} if plan is None else dict(plan.float_nodes))


def save_nodes(nodes: CanonicalNodes, artifact: Path) -> None:
    """Write the file that belongs to an artifact."""
    rows = [[node.name, node.op_type, list(node.inputs), list(node.outputs)] for node in nodes.nodes]
    document = {"nodes": rows, "float_reasons": dict(nodes.float_reasons)}
    _path(artifact).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def load_nodes(artifact: Path) -> CanonicalNodes:
    """Read the file that belongs to an artifact. Raises ModelError when it is missing or damaged."""
    try:
        document = json.loads(_path(artifact).read_text(encoding="utf-8"))
        nodes = tuple(CanonicalNode(name, op, tuple(ins), tuple(outs)) for name, op, ins, outs in document["nodes"])
        return CanonicalNodes(nodes, document["float_reasons"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{_path(artifact).name} is missing or damaged",
            why="it lists the nodes that placement speaks of",
            how="Prepare the artifact again.",
        ) from error


def _path(artifact: Path) -> Path:
    return artifact.with_name(artifact.name + SUFFIX)
