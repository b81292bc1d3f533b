"""What a Q/DQ ONNX file holds, counted and in words; nothing is assumed about who wrote it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIDDLE = {"int8": 0, "uint8": 128}
"""Zero point of a symmetric range, per dtype of 8 bits."""
PAIRS = frozenset({"QuantizeLinear", "DequantizeLinear"})


@dataclass(frozen=True)
class Parameters:
    """Parameters of one quantized tensor: dtype of its codes, whether all zero points are the middle, channels."""

    dtype: str
    symmetric: bool
    per_channel: bool

    def __str__(self) -> str:
        """Return "int8, symmetric, per tensor"."""
        return ", ".join(
            (
                self.dtype,
                "symmetric" if self.symmetric else "asymmetric",
                "per channel" if self.per_channel else "per tensor",
            )
        )


def qdq_facts(artifact: Path) -> dict[str, str]:
    """Return the facts of a file: nodes, weights, activations, biases, what is left in float, as texts.

    A weight is a constant that a DequantizeLinear reads (8-bit codes; int32 codes are a bias), an activation what a
    QuantizeLinear writes. A node is left in float where none of its inputs comes from a DequantizeLinear.
    """
    import onnx  # noqa: PLC0415  (probe must not load it)

    graph = onnx.load(str(artifact)).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    written: dict[str, Parameters] = {}
    weights, biases = [], 0
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            written[node.output[0]] = _parameters(node, constants)
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            found = _parameters(node, constants)
            biases += found.dtype == "int32"
            weights += [found] if found.dtype != "int32" else []
    counts = Counter(node.op_type for node in graph.node)
    return {
        "weights": in_words(weights),
        "activations": in_words(written.values()),
        "biases": f"{biases} as int32" if biases else "float32",
        "nodes": f"{counts['QuantizeLinear']} QuantizeLinear, {counts['DequantizeLinear']} DequantizeLinear",
        "float nodes": _float_nodes(graph),
    }


def in_words(found: Iterable[Any]) -> str:
    """Return each kind once with its number, the commonest first; "none" for nothing."""
    counts = Counter(str(item) for item in found)
    return "; ".join(f"{count} \N{MULTIPLICATION SIGN} {words}" for words, count in counts.most_common()) or "none"


def _parameters(node: Any, constants: Mapping[str, Any]) -> Parameters:
    """Read scale and zero point; without one the dtype is that of the codes, or uint8 as ONNX says, all zeros."""
    import numpy as np  # noqa: PLC0415  (with onnx)
    from onnx import numpy_helper  # noqa: PLC0415  (as above)

    scale = constants.get(node.input[1])
    per_channel = scale is not None and int(np.prod(scale.dims, dtype=int)) > 1
    name = node.input[2] if len(node.input) > 2 else ""
    if name in constants:
        zero_point = numpy_helper.to_array(constants[name])
        dtype = str(zero_point.dtype)
        return Parameters(dtype, bool(np.all(zero_point == MIDDLE.get(dtype, 0))), per_channel)
    codes = constants.get(node.input[0])
    dtype = "uint8" if codes is None else str(numpy_helper.to_array(codes).dtype)
    return Parameters(dtype, MIDDLE.get(dtype, 0) == 0, per_channel)


def _float_nodes(graph: Any) -> str:
    dequantized = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    left = [node for node in graph.node if node.op_type not in PAIRS and not dequantized.intersection(node.input)]
    counts = Counter(node.op_type for node in left if node.op_type != "Constant")
    return ", ".join(f"{op_type} {count}" for op_type, count in counts.most_common()) or "none"
