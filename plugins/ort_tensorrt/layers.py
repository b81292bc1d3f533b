"""The layers of a TensorRT engine, as the engine inspector lists them, and what became of each node in them.

Two forms of the JSON are read: TensorRT 10's, where a tensor's "Format/Datatype" is one text, and TensorRT 11's, with
"Format" and "DataType" apart (NVIDIA, "Migrating IEngineInspector Usage from TensorRT 10.x to 11.x"). An engine that
was built without detailed profiling verbosity lists names alone: fusions can be read from them, precisions cannot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import ModelError
from workbench.spi import Placement

COMPUTE_OPS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
NAMES_ONLY = "the engine lists names without precisions"
NOT_LISTED = "not among the engine's layers: folded into others, or removed by TensorRT"
FLOAT_LAYER = "TensorRT chose a float layer"
_METADATA = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
_DATA_TYPES = (
    (re.compile(r"\bint8\b", re.IGNORECASE), "int8"),
    (re.compile(r"\b(fp16|half)\b", re.IGNORECASE), "fp16"),
    (re.compile(r"\b(bf16|bfloat16)\b", re.IGNORECASE), "bf16"),
    (re.compile(r"\b(fp32|float|float32)\b", re.IGNORECASE), "fp32"),
    (re.compile(r"\bint32\b", re.IGNORECASE), "int32"),
    (re.compile(r"\bint64\b", re.IGNORECASE), "int64"),
    (re.compile(r"\bbool\b", re.IGNORECASE), "bool"),
)


@dataclass(frozen=True)
class Layer:
    """One layer of an engine.

    Attributes:
        name, kind: TensorRT's name and LayerType ("" where only names are listed).
        nodes: names of the ONNX nodes in it.
        precision: element type of its first input, in which it computes; "" where it is not listed.
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    precision: str


def read_layers(text: str) -> tuple[Layer, ...]:
    """Parse the inspector's JSON of a whole engine. Raises ModelError when it is no such JSON."""
    try:
        document = json.loads(text)
        listed = document["Layers"] if isinstance(document, dict) else document
        return tuple(_named(item) if isinstance(item, str) else _detailed(item) for item in listed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "The engine's layer information cannot be read",
            why=f"it is not the inspector's JSON ({type(error).__name__})",
            how="Export it with the JSON format of the engine inspector.",
        ) from error


def placements_of(
    nodes: Sequence[tuple[str, str]], layers: Sequence[Layer], device: str, float_reasons: Mapping[str, str]
) -> list[Placement]:
    """Return one Placement per node, in order, then one per layer that holds none of them.

    Args:
        nodes: (name, op type) of the canonical graph's nodes that TensorRT took.
        float_reasons: why the plan leaves a node in float.
    """
    known = dict(nodes)
    owners = {layer.name: _owner(layer, known) for layer in layers}
    by_node = {node: layer for layer in reversed(layers) for node in layer.nodes}
    found = [_placement(name, op, by_node.get(name), owners, device, float_reasons) for name, op in nodes]
    added = [layer for layer in layers if not owners[layer.name]]
    return found + [Placement("", layer.kind or layer.name, device, layer.precision or "unknown") for layer in added]


def _placement(
    name: str,
    op_type: str,
    layer: Layer | None,
    owners: Mapping[str, str],
    device: str,
    float_reasons: Mapping[str, str],
) -> Placement:
    if layer is None:
        return Placement(name, op_type, device, "unknown", reason=NOT_LISTED)
    precision = layer.precision or "unknown"
    if owners[layer.name] != name:
        return Placement(name, layer.kind or op_type, device, precision, fused_into=layer.name)
    reason = float_reasons.get(name, FLOAT_LAYER if op_type in COMPUTE_OPS else "") if precision != "int8" else ""
    return Placement(
        name, layer.kind or op_type, device, precision, reason=NAMES_ONLY if precision == "unknown" else reason
    )


def _owner(layer: Layer, known: Mapping[str, str]) -> str:
    """Return the node a layer stands for: its first Conv, Gemm or MatMul, else its last node; "" where it has none."""
    mine = [node for node in layer.nodes if node in known]
    return next((node for node in mine if known[node] in COMPUTE_OPS), mine[-1] if mine else "")


def _named(name: str) -> Layer:
    parts = re.split(r"\s\+\s|[(),]", name)
    return Layer(name, "", tuple(part.strip() for part in parts if part.strip() and part.strip() != "PWN"), "")


def _detailed(item: Mapping[str, Any]) -> Layer:
    nodes = tuple(dict.fromkeys(_METADATA.findall(str(item.get("Metadata", "")))))
    inputs = item.get("Inputs") or [{}]
    return Layer(str(item["Name"]), str(item.get("LayerType", "")), nodes, _precision(inputs[0]))


def _precision(tensor: Mapping[str, Any]) -> str:
    words = str(tensor.get("DataType") or tensor.get("Format/Datatype") or tensor.get("Format") or "")
    return next((name for pattern, name in _DATA_TYPES if pattern.search(words)), "")
