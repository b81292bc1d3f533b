"""Any number of samples through a program that takes a fixed number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from workbench_plugins.coreml.sidecar import Feature, Sidecar

from workbench.spi import Arrays

Array = npt.NDArray[Any]
Predict = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Core ML's names -> arrays of the package's shapes, and back."""


def run_samples(predict: Predict, sidecar: Sidecar, feeds: Arrays) -> dict[str, Array]:
    """Run feeds in pieces of the package's batch; a short last piece is filled up and cut again.

    Args:
        feeds: ONNX input name -> array of the declared dtype, with any number of samples.

    Returns:
        ONNX output name -> array of the declared dtype, owned by the caller.

    Raises ValueError where a feed is missing or does not fit.
    """
    _check(sidecar, feeds)
    batched = [name for name, item in sidecar.inputs.items() if item.batched]
    if not batched:
        return _named(predict(_features(sidecar, feeds)), sidecar, sidecar.batch)
    parts = [
        _named(predict(_features(sidecar, piece)), sidecar, count) for piece, count in _pieces(sidecar, feeds, batched)
    ]
    whole = {name: item for name, item in sidecar.outputs.items() if item.batched}
    return {
        name: np.concatenate([part[name] for part in parts]) if name in whole else parts[-1][name] for name in parts[-1]
    }


def _pieces(sidecar: Sidecar, feeds: Arrays, batched: list[str]) -> Iterator[tuple[dict[str, Array], int]]:
    n = len(feeds[batched[0]])
    for start in range(0, n, sidecar.batch):
        count = min(sidecar.batch, n - start)
        piece = {name: feeds[name][start : start + count] for name in batched}
        filled = {name: _filled(value, sidecar.batch) for name, value in piece.items()}
        yield {**feeds, **filled}, count


def _filled(values: Array, batch: int) -> Array:
    """Repeat the last sample up to a whole batch."""
    if len(values) == batch:
        return values
    return np.concatenate([values, np.repeat(values[-1:], batch - len(values), axis=0)])


def _features(sidecar: Sidecar, feeds: Arrays) -> dict[str, Array]:
    return {item.name: _as_feature(np.asarray(feeds[name])) for name, item in sidecar.inputs.items()}


def _as_feature(values: Array) -> Array:
    """Core ML takes float32, float16 and int32 with at least one axis."""
    kind = values.dtype if values.dtype in (np.float32, np.float16) else np.dtype(np.int32)
    return np.ascontiguousarray(values.reshape(values.shape or (1,)), dtype=kind)


def _named(found: Mapping[str, Array], sidecar: Sidecar, count: int) -> dict[str, Array]:
    return {name: _as_declared(found[item.name], item, count) for name, item in sidecar.outputs.items()}


def _as_declared(values: Array, item: Feature, count: int) -> Array:
    shaped = np.array(values, dtype=item.dtype).reshape(item.shape)
    return shaped[:count] if item.batched else shaped


def _check(sidecar: Sidecar, feeds: Arrays) -> None:
    for name, item in sidecar.inputs.items():
        if name not in feeds:
            raise ValueError(f"no feed for input {name!r}; given: {', '.join(sorted(feeds))}")
        shape, dtype = feeds[name].shape, str(feeds[name].dtype)
        wanted = item.shape[1:] if item.batched else item.shape
        if (shape[1:] if item.batched else shape) != wanted or dtype != item.dtype:
            declared = f"{item.dtype} {['N', *wanted] if item.batched else list(wanted)}"
            raise ValueError(f"input {name!r} is {dtype} {list(shape)}, the model takes {declared}")
