"""The layers of a TensorRT engine, as the engine inspector lists them, and what became of each node in them.

Two forms of the JSON are read: TensorRT 8's to 10's, where a tensor's "Format/Datatype" is one text, and TensorRT 11's,
with "Format" and "DataType" apart (NVIDIA, "Migrating IEngineInspector Usage from TensorRT 10.x to 11.x"). TensorRT 8
names a layer's nodes in the layer's name alone, later ones in "Metadata" too. An engine that was built without detailed
profiling verbosity lists names alone: fusions can be read from them, precisions cannot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench_plugins.tensorrt.elsewhere import METADATA, PRODUCT, element_type, nodes_in

from workbench.errors import ModelError
from workbench.spi import Placement

COMPUTE_OPS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
NAMES_ONLY = "the engine lists names without precisions"
ENDS_ONLY = "the layer's ends are int8, what it computes between them is not told"
NOT_LISTED = "not among the engine's layers: folded into others, or removed by TensorRT"
FLOAT_LAYER = "TensorRT chose a float layer"


@dataclass(frozen=True)
class Layer:
    """One layer of an engine.

    Attributes:
        name, kind: TensorRT's name and LayerType ("" where only names are listed).
        nodes: names of the ONNX nodes in it.
        precision: element type in which it computes; "" where it is not listed.
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    precision: str

    @property
    def is_product(self) -> bool:
        """Whether it multiplies matrices or convolves."""
        return PRODUCT.search(self.kind) is not None


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
    """Return one Placement per node, in order, then one per layer that stands for none of them.

    A node that several layers list, such as a product and what changes its operand's type, belongs to the product.

    Args:
        nodes: (name, op type) of the canonical graph's nodes that TensorRT took.
        float_reasons: why the plan leaves a node in float.
    """
    known = dict(nodes)
    owners = {layer.name: _owner(layer, known) for layer in layers}
    products_first = sorted(layers, key=lambda layer: not layer.is_product)
    by_node = {node: layer for layer in reversed(products_first) for node in layer.nodes}
    placed = {by_node[name] for name in known if name in by_node}
    found = [_placement(name, op, by_node.get(name), owners, device, float_reasons) for name, op in nodes]
    added = [layer for layer in layers if layer not in placed]
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
    kind, precision = layer.kind or op_type, layer.precision or "unknown"
    if precision == "int8" and name in float_reasons and op_type not in COMPUTE_OPS:
        return Placement(name, kind, device, "unknown", reason=f"{float_reasons[name]}; {ENDS_ONLY}")
    if owners[layer.name] != name:
        return Placement(name, kind, device, precision, fused_into=layer.name)
    reason = float_reasons.get(name, FLOAT_LAYER if op_type in COMPUTE_OPS else "") if precision != "int8" else ""
    return Placement(name, kind, device, precision, reason=NAMES_ONLY if precision == "unknown" else reason)


def _owner(layer: Layer, known: Mapping[str, str]) -> str:
    """Return the node a layer stands for: its first Conv, Gemm or MatMul, else its last node; "" where it has none."""
    mine = [node for node in layer.nodes if node in known]
    return next((node for node in mine if known[node] in COMPUTE_OPS), mine[-1] if mine else "")


def _named(name: str) -> Layer:
    return Layer(name, "", tuple(nodes_in(name)), "")


def _detailed(item: Mapping[str, Any]) -> Layer:
    name, kind = str(item["Name"]), str(item.get("LayerType", ""))
    nodes = tuple(dict.fromkeys(METADATA.findall(str(item.get("Metadata", ""))))) or tuple(nodes_in(name))
    ends = [list(filter(None, map(element_type, item.get(key) or ()))) for key in ("Inputs", "Outputs")]
    return Layer(name, kind, nodes, _precision(*ends, is_product=PRODUCT.search(kind) is not None))


def _precision(inputs: Sequence[str], outputs: Sequence[str], *, is_product: bool) -> str:
    """Return the type of a layer's first input: its operand.

    What turns int8 into a float and multiplies nothing computes in that float: it dequantizes first.
    """
    first = inputs[0] if inputs else ""
    if first == "int8" and not is_product and outputs and "int8" not in outputs:
        return outputs[0]
    return first
