"""Shape arithmetic with unknown sizes: integer vectors with a name (str) or None for what is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper

Known = npt.NDArray[np.object_]
Lookup = Callable[[str], Known | None]
Shapes = Mapping[str, tuple[int | str, ...]]


def partial_value(node: NodeProto, lookup: Lookup, shapes: Shapes) -> Known | None:
    """Compute a node of shape arithmetic as far as it is known.

    Args:
        lookup: tensor name -> object array of rank 0 or 1, entries int, a symbolic axis's name, or None where
            not even that is known; None instead of the array if nothing is known of the tensor.
        shapes: tensor name -> shape.

    Returns:
        An object array of the same kind, or None if the node is no shape arithmetic or an input is not known.
    """
    if node.op_type == "Shape":
        return _shape(node, shapes)
    rule = _RULES.get(node.op_type)
    if rule is None:
        return None
    values = [lookup(name) if name else None for name in node.input]
    if any(value is None for value, name in zip(values, node.input, strict=True) if name):
        return None
    return rule(_attributes(node), values)


def _shape(node: NodeProto, shapes: Shapes) -> Known | None:
    shape = shapes.get(node.input[0])
    if shape is None:
        return None
    attributes = _attributes(node)
    sizes = shape[attributes.get("start", 0) : attributes.get("end", len(shape))]
    return _objects(list(sizes))


def _gather(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    data, index = values
    if data.ndim != 1 or _unknown(index) or index.ndim > 1:
        return None
    chosen = [data[int(position)] for position in index.ravel()]
    return _objects(chosen).reshape(index.shape)


def _slice(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    data, bounds = values[0], [value for value in values[1:] if value is not None]
    if data.ndim != 1 or any(_unknown(bound) or bound.size != 1 for bound in bounds) or len(values) < 3:
        return None
    start, end = int(values[1].item()), int(values[2].item())
    step = int(values[4].item()) if len(values) > 4 and values[4] is not None else 1
    if step < 0:
        return None
    return _objects(list(data[start:end:step]))


def _concat(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    if any(value.ndim != 1 for value in values):
        return None
    return _objects([entry for value in values for entry in value])


def _unsqueeze(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    return np.asarray(values[0].reshape(1)) if values[0].ndim == 0 else None


def _squeeze(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    return np.asarray(values[0].reshape(())) if values[0].shape == (1,) else None


def _reshape(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    data, target = values
    if _unknown(target) or target.size > 1 or (target.size == 0 and data.size != 1):
        return None
    return np.asarray(data.reshape(-1) if target.size else data.reshape(()), object)


def _cast(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
    return values[0] if attributes.get("to") in (TensorProto.INT64, TensorProto.INT32) else None


def _elementwise(combine: Callable[[int, int], int | None]) -> Callable[[Mapping[str, Any], list[Any]], Known | None]:
    def rule(attributes: Mapping[str, Any], values: list[Any]) -> Known | None:
        a, b = np.broadcast_arrays(*values)
        pairs = zip(a.ravel(), b.ravel(), strict=True)
        entries = [combine(x, y) if isinstance(x, int) and isinstance(y, int) else None for x, y in pairs]
        return _objects(entries).reshape(a.shape)

    return rule


def _divide(x: int, y: int) -> int | None:
    return x // y if x >= 0 and y > 0 else None


_RULES: dict[str, Callable[[Mapping[str, Any], list[Any]], Known | None]] = {
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Cast": _cast,
    "Add": _elementwise(lambda x, y: x + y),
    "Sub": _elementwise(lambda x, y: x - y),
    "Mul": _elementwise(lambda x, y: x * y),
    "Div": _elementwise(_divide),
}


def _objects(values: list[Any]) -> Known:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _unknown(value: Known) -> bool:
    return not all(isinstance(entry, int) for entry in value.ravel())


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
