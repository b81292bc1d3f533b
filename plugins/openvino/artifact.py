"""The openvino plugin's view of its artifact: an ONNX file, its nodes without Q/DQ, its inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CANONICAL_NODES = "canonical_nodes.json"
_THROUGH_OPS = frozenset({"BatchNormalization", "Dropout", "Identity"})
_QDQ_OPS = frozenset({"QuantizeLinear", "DequantizeLinear"})


@dataclass(frozen=True)
class ArtifactNode:
    """One node of the canonical graph as the artifact holds it.

    Attributes:
        inputs, outputs: names of tensors, seen through Q/DQ pairs; constants are left out of `inputs`.
        quantized: at least one of its activations arrives through a DequantizeLinear.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    quantized: bool


@dataclass(frozen=True)
class ArtifactGraph:
    """What the session needs to know of the ONNX file.

    Attributes:
        nodes: topologically sorted, without QuantizeLinear and DequantizeLinear.
        inputs, outputs: names in the file's order.
        aliases: name of a folded node, or of its output -> the node that it was folded into.
    """

    nodes: tuple[ArtifactNode, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)


def read_artifact(path: Path) -> ArtifactGraph:
    """Read the graph of an ONNX file without its external data. Raises OSError, google DecodeError.

    Nodes are those of the canonical graph where `write_canonical_nodes` listed them beside the file; a float model
    still has nodes that are folded there (BatchNormalization). Without the list every node counts.
    """
    import onnx  # noqa: PLC0415  (probe and realise must not load it)

    graph = onnx.load(str(path), load_external_data=False).graph
    wanted = _canonical_nodes(path, graph)
    constants = _constants(graph)
    source = _sources(graph, wanted)
    dequantized = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    nodes = tuple(_node(node, constants, source, dequantized) for node in graph.node if node.name in wanted)
    inputs = tuple(value.name for value in graph.input if value.name not in constants)
    outputs = tuple(value.name for value in graph.output)
    return ArtifactGraph(nodes, inputs, outputs, _aliases(graph, wanted, source))


def write_canonical_nodes(artifact: Path, names: Iterable[str]) -> None:
    """List the canonical graph's nodes in a file beside the artifact."""
    text = json.dumps({"schema_version": 1, "nodes": list(names)})
    (artifact.parent / CANONICAL_NODES).write_text(text, encoding="utf-8")


def _constants(graph: Any) -> set[str]:
    """Names of initializers, and of what Constant and DequantizeLinear nodes make of constants."""
    names = {tensor.name for tensor in graph.initializer} | {tensor.values.name for tensor in graph.sparse_initializer}
    for node in graph.node:
        if node.op_type == "Constant" or (node.op_type in _QDQ_OPS and node.input[0] in names):
            names.update(node.output)
    return names


def _canonical_nodes(path: Path, graph: Any) -> set[str]:
    listed = path.parent / CANONICAL_NODES
    names = {node.name for node in graph.node if node.op_type not in _QDQ_OPS}
    if not listed.is_file():
        return names
    return names & set(json.loads(listed.read_text(encoding="utf-8"))["nodes"])


def _sources(graph: Any, wanted: set[str]) -> dict[str, str]:
    """Map the output of each Q, DQ and folded node to the tensor that it stands for."""
    source: dict[str, str] = {}
    for node in graph.node:
        if node.name not in wanted and node.input and (node.op_type in _QDQ_OPS or node.op_type in _THROUGH_OPS):
            source[node.output[0]] = source.get(node.input[0], node.input[0])
    return source


def _aliases(graph: Any, wanted: set[str], source: dict[str, str]) -> dict[str, str]:
    producer = {output: node.name for node in graph.node if node.name in wanted for output in node.output}
    aliases: dict[str, str] = {}
    for node in graph.node:
        if node.name not in wanted and node.op_type in _THROUGH_OPS and source.get(node.output[0]) in producer:
            folded_into = producer[source[node.output[0]]]
            aliases.update({node.name: folded_into, node.output[0]: folded_into})
    return aliases


def _node(node: Any, constants: set[str], source: dict[str, str], dequantized: set[str]) -> ArtifactNode:
    activations = [name for name in node.input if name and name not in constants]
    return ArtifactNode(
        name=node.name,
        op_type=node.op_type,
        inputs=tuple(source.get(name, name) for name in activations),
        outputs=tuple(node.output),
        quantized=any(name in dequantized for name in activations),
    )
