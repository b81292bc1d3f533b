"""OpenVINO IR that a native tool-chain wrote: its folder, and the canonical graph's nodes as the IR holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench_plugins.openvino.artifact import ArtifactGraph, ArtifactNode
from workbench_plugins.openvino.library import load_openvino

from workbench.spi import GraphSummary

IR_FOLDER, IR_MODEL = "ir", "model.xml"
CANONICAL_GRAPH = "canonical_graph.json"


def model_file(artifact: Path) -> Path:
    """Return what OpenVINO reads of an artifact: an ONNX file itself, or the IR in a folder."""
    return artifact / IR_MODEL if artifact.is_dir() else artifact


def write_canonical_graph(artifact: Path, graph: GraphSummary) -> None:
    """Write the canonical graph's nodes, inputs and outputs into a file beside the IR's folder."""
    nodes = [
        {
            "name": node.name,
            "op_type": node.op_type,
            "inputs": [name for i, name in enumerate(node.inputs) if name and i not in node.constant_inputs],
            "outputs": [name for name in node.outputs if name],
        }
        for node in graph.nodes
    ]
    document = {
        "schema_version": 1,
        "nodes": nodes,
        "inputs": [item.name for item in graph.inputs],
        "outputs": [item.name for item in graph.outputs],
    }
    (artifact.parent / CANONICAL_GRAPH).write_text(json.dumps(document), encoding="utf-8")


def read_ir(artifact: Path) -> ArtifactGraph:
    """Return the canonical graph as the IR holds it. Raises OSError, RuntimeError (OpenVINO cannot read it)."""
    document = json.loads((artifact.parent / CANONICAL_GRAPH).read_text(encoding="utf-8"))
    names = {node["name"] for node in document["nodes"]}
    ops = load_openvino().Core().read_model(str(model_file(artifact))).get_ordered_ops()
    quantized = {_node_of(op.get_friendly_name(), names) for op in ops if _reads_codes(op)}
    nodes = tuple(
        ArtifactNode(
            node["name"], node["op_type"], tuple(node["inputs"]), tuple(node["outputs"]), node["name"] in quantized
        )
        for node in document["nodes"]
    )
    return ArtifactGraph(nodes, tuple(document["inputs"]), tuple(document["outputs"]))


def _node_of(name: str, names: set[str]) -> str:
    """Return the canonical node that an op's name belongs to: "conv/WithoutBiases" belongs to "conv"."""
    while name not in names and "/" in name:
        name = name.rpartition("/")[0]
    return name


def _reads_codes(op: Any) -> bool:
    return any(value.get_node().get_type_name() == "FakeQuantize" for value in op.input_values())
