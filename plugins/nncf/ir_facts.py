"""What a quantized OpenVINO IR holds, counted and in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench_plugins.nncf.library import load_openvino

COMPUTE = frozenset(
    {
        "Convolution", "ConvolutionBackpropData", "GroupConvolution", "GroupConvolutionBackpropData", "MatMul",
        "LSTMSequence", "GRUSequence", "RNNSequence", "LSTMCell", "GRUCell",
    }
)  # fmt: skip
PASSED = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Convert", "Multiply", "Subtract"})
"""Ops between a quantized tensor and what multiplies it: shapes, and the scale and zero point of weights."""
TOLERANCE = 1e-3


def ir_facts(model: Path) -> dict[str, str]:
    """Return the facts of an IR as texts: weights, activations, nodes, what is left in float.

    A weight is an 8-bit constant that is converted to float and scaled, or a FakeQuantize on a constant; an activation
    is a FakeQuantize on anything else. A convolution or matrix product is left in float where neither stands before it.

    Raises:
        RuntimeError: OpenVINO cannot read the file.
    """
    ops = load_openvino().Core().read_model(str(model)).get_ordered_ops()
    constant = _constant_names(ops)
    fakes = [op for op in ops if op.get_type_name() == "FakeQuantize"]
    folded = [op for op in fakes if _source(op, 0).get_friendly_name() in constant]
    fakes = [op for op in fakes if _source(op, 0).get_friendly_name() not in constant]
    weights = [op for op in ops if op.get_type_name() == "Convert" and _is_eight_bit(_source(op, 0))]
    left = Counter(op.get_type_name() for op in ops if op.get_type_name() in COMPUTE and not _is_quantized(op))
    return {
        "weights": in_words([*map(_weight_words, weights), *map(_fake_words, folded)]),
        "activations": in_words(_fake_words(op) for op in fakes),
        "nodes": f"{len(fakes) + len(folded)} FakeQuantize",
        "float nodes": ", ".join(f"{name} {count}" for name, count in left.most_common())
        or "no convolution or product",
    }


def in_words(found: Iterable[str]) -> str:
    """Return each kind once with its number, the commonest first; "none" for nothing."""
    counts = Counter(found).most_common()
    return "; ".join(f"{count} \N{MULTIPLICATION SIGN} {words}" for words, count in counts) or "none"


def range_words(low: float, high: float, levels: int) -> str:
    """Return how a FakeQuantize maps [low, high]: from 0, symmetric around 0 (the lowest code included), or neither."""
    if low == 0:
        return f"{levels} levels, from 0"
    codes = -low / (high - low) * (levels - 1)
    is_middle = min(abs(codes - levels // 2), abs(codes - (levels - 1) / 2)) < TOLERANCE * levels
    return f"{levels} levels, {'symmetric' if is_middle else 'asymmetric'}"


def _fake_words(op: Any) -> str:
    low, high = (_source(op, place).get_data() for place in (3, 4))
    levels = op.get_attributes()["levels"]
    kinds = {range_words(float(a), float(b), levels) for a, b in zip(low.flat, high.flat, strict=True)}
    return f"{' and '.join(sorted(kinds))}, {_granularity(low.size)}"


def _weight_words(convert: Any) -> str:
    """Follow a weight to its scale; a Subtract on the way takes a zero point away."""
    dtype = _source(convert, 0).get_element_type().to_dtype().name
    reader = _reader(convert)
    is_shifted = reader.get_type_name() == "Subtract"
    scale = _source(_reader(reader) if is_shifted else reader, 1)
    return (
        f"{dtype}, {'asymmetric' if is_shifted else 'symmetric'}, {_granularity(math.prod(scale.get_output_shape(0)))}"
    )


def _granularity(size: int) -> str:
    return "per channel" if size > 1 else "per tensor"


def _constant_names(ops: Iterable[Any]) -> set[str]:
    """Return the names of constants and of ops that read nothing but such."""
    names: set[str] = set()
    for op in ops:
        parents = [value.get_node().get_friendly_name() for value in op.input_values()]
        if _is_constant(op) or (parents and names.issuperset(parents)):
            names.add(op.get_friendly_name())
    return names


def _is_quantized(op: Any) -> bool:
    return any(_comes_from_codes(value.get_node()) for value in op.input_values())


def _comes_from_codes(op: Any) -> bool:
    while op.get_type_name() in PASSED:
        op = _source(op, 0)
    return op.get_type_name() == "FakeQuantize" or _is_eight_bit(op)


def _is_constant(op: Any) -> bool:
    return bool(op.get_type_name() == "Constant")


def _is_eight_bit(op: Any) -> bool:
    return _is_constant(op) and op.get_element_type().get_type_name() in ("i8", "u8")


def _source(op: Any, place: int) -> Any:
    return op.input_value(place).get_node()


def _reader(op: Any) -> Any:
    return next(iter(op.output(0).get_target_inputs())).get_node()
