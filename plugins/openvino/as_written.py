"""Artifacts that a native tool-chain wrote, ONNX or IR: run as they are, placed by the canonical graph's nodes.

A tool-chain may leave nodes out, such as a Relu that its ranges make needless; each still has its place.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from workbench_plugins.openvino.artifact import ArtifactGraph, ArtifactNode
from workbench_plugins.openvino.elsewhere import load_openvino

from workbench.spi import Context, GraphSummary

IR_FOLDER, IR_MODEL = "ir", "model.xml"
CANONICAL_GRAPH = "canonical_graph.json"


def take(model: Path, context: Context) -> Path:
    """Copy an artifact (an ONNX file, or a folder with an IR) into `work_dir`; list the canonical nodes beside it."""
    is_ir, folder = model.is_dir(), context.work_dir
    artifact = Path(shutil.copytree(model, folder / IR_FOLDER)) if is_ir else context.copy_model(model)
    (folder / CANONICAL_GRAPH).write_text(json.dumps(_document(context.graph)), encoding="utf-8")
    return artifact


def is_as_written(artifact: Path) -> bool:
    """Whether an artifact came through `take`."""
    return (artifact.parent / CANONICAL_GRAPH).is_file()


def model_file(artifact: Path) -> Path:
    """Return what OpenVINO reads of an artifact: an ONNX file itself, or the IR in a folder."""
    return artifact / IR_MODEL if artifact.is_dir() else artifact


def read_as_written(artifact: Path) -> ArtifactGraph:
    """Return the canonical graph as the artifact holds it. Raises OSError, RuntimeError (OpenVINO cannot read it)."""
    document = json.loads((artifact.parent / CANONICAL_GRAPH).read_text(encoding="utf-8"))
    names = {node["name"] for node in document["nodes"]}
    readers = _readers_of_codes_in_ir(artifact) if artifact.is_dir() else _readers_of_codes_in_onnx(artifact)
    quantized = {_node_of(name, names) for name in readers}
    nodes = tuple(
        ArtifactNode(
            node["name"], node["op_type"], tuple(node["inputs"]), tuple(node["outputs"]), node["name"] in quantized
        )
        for node in document["nodes"]
    )
    return ArtifactGraph(nodes, tuple(document["inputs"]), tuple(document["outputs"]))


def _document(graph: GraphSummary) -> dict[str, Any]:
    nodes = [
        {
            "name": node.name,
            "op_type": node.op_type,
            "inputs": [name for i, name in enumerate(node.inputs) if name and i not in node.constant_inputs],
            "outputs": [name for name in node.outputs if name],
        }
        for node in graph.nodes
    ]
    ends = {"inputs": [item.name for item in graph.inputs], "outputs": [item.name for item in graph.outputs]}
    return {"schema_version": 1, "nodes": nodes, **ends}


def _readers_of_codes_in_ir(artifact: Path) -> set[str]:
    ops = load_openvino().Core().read_model(str(model_file(artifact))).get_ordered_ops()
    return {op.get_friendly_name() for op in ops if _reads_codes(op)}


def _reads_codes(op: Any) -> bool:
    return any(value.get_node().get_type_name() == "FakeQuantize" for value in op.input_values())


def _readers_of_codes_in_onnx(artifact: Path) -> set[str]:
    import onnx  # noqa: PLC0415  (probe and realise must not load it)

    graph = onnx.load(str(artifact), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    pairs = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] not in constants]
    dequantized = {name for node in pairs for name in node.output}
    return {node.name for node in graph.node if dequantized.intersection(node.input)}


def _node_of(name: str, names: set[str]) -> str:
    """Return the canonical node that an op's name belongs to: "conv/WithoutBiases" belongs to "conv"."""
    while name not in names and "/" in name:
        name = name.rpartition("/")[0]
    return name
