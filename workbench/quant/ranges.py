"""The range that calibration finds for each tensor, and ranges that were found before, for plans of one model.

Plans that differ only in what they leave in float mostly watch the same tensors: calibration need not run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import onnx

from workbench.errors import FileFormatError
from workbench.files import canonical_json, read_versioned_json, sha256_of_bytes, write_json_atomic
from workbench.quant.calibrate import SampleSource, Watch, observe
from workbench.quant.observers import Histogram
from workbench.quant.scheme import Scheme
from workbench.quant.thresholds import clip_range

RANGES_VERSION = 1


@dataclass(frozen=True)
class TensorRange:
    """What calibration found of a tensor: its exact extremes, and the (low, high) that the scheme's method gives."""

    minimum: float
    maximum: float
    low: float
    high: float


TensorRanges = dict[str, TensorRange]
FindRanges = Callable[[onnx.ModelProto, Sequence[str], Scheme, SampleSource, Watch], TensorRanges]
Clip = Callable[[Histogram, Scheme], tuple[float, float]]


def find_ranges(
    model: onnx.ModelProto,
    names: Sequence[str],
    scheme: Scheme,
    samples: SampleSource,
    watch: Watch,
    clip: Clip = clip_range,
) -> TensorRanges:
    """Run all samples and return the named float32 tensors' ranges. Raises ModelError, DataError as `observe` does."""
    histograms = observe(model, names, samples, watch)
    return {
        name: TensorRange(histogram.minimum, histogram.maximum, *clip(histogram, scheme))
        for name, histogram in histograms.items()
    }


class KeptRanges:
    """Finds ranges as `find_ranges` does, each list of tensors of one model only once, each histogram's clip only once.

    The whole list counts: a tensor that is watched cannot be fused away, so that last bits of others depend on it.

    Args:
        model: the model; ranges of another one, such as an equalized copy, are found anew each time.
        folder: keeps ranges for other processes; it must belong to this model, these samples and this program.
    """

    def __init__(self, model: onnx.ModelProto, folder: Path | None = None) -> None:
        self._model, self._folder = model, folder
        self._known: dict[str, TensorRanges] = {}
        self._clips: dict[str, tuple[float, float]] = {}

    def __call__(
        self, model: onnx.ModelProto, names: Sequence[str], scheme: Scheme, samples: SampleSource, watch: Watch
    ) -> TensorRanges:
        """Return the named tensors' ranges on the samples, which must be the same at every call."""
        if model is not self._model:
            return find_ranges(model, names, scheme, samples, watch)
        key = sha256_of_bytes(canonical_json([list(names), *_method(scheme)]))
        if key not in self._known:
            path = self._folder / f"{key[:32]}.json" if self._folder else None
            self._known[key] = _read(path) or _written(
                path, find_ranges(model, names, scheme, samples, watch, self._clip)
            )
        return self._known[key]

    def _clip(self, histogram: Histogram, scheme: Scheme) -> tuple[float, float]:
        about = canonical_json([histogram.minimum.hex(), histogram.maximum.hex(), *_method(scheme)])
        key = sha256_of_bytes(histogram.counts.tobytes() + about)
        if key not in self._clips:
            self._clips[key] = clip_range(histogram, scheme)
        return self._clips[key]


def _method(scheme: Scheme) -> list[Any]:
    """Return what of a scheme decides on ranges."""
    return [scheme.name, scheme.method, scheme.parameters()]


def _read(path: Path | None) -> TensorRanges:
    """Return the ranges of a file, none where it is not there or damaged."""
    try:
        document = read_versioned_json(path, "ranges", RANGES_VERSION) if path and path.is_file() else {"ranges": {}}
        return {name: TensorRange(*map(float, values)) for name, values in document["ranges"].items()}
    except (FileFormatError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def _written(path: Path | None, ranges: TensorRanges) -> TensorRanges:
    values = {name: list(astuple(found)) for name, found in ranges.items()}
    if path and all(map(math.isfinite, chain(*values.values()))):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomic(path, {"schema_version": RANGES_VERSION, "ranges": values})
    return ranges
