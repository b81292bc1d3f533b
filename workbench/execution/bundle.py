"""A set of samples as JSON, so that any worker opens the same ones: where, which, preprocessing, inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.model.data import DataSpec, Samples, data_spec_from_json, open_samples, sample_index_from_json
from workbench.model.graph import TensorSpec
from workbench.model.pixel_cache import PIXELS_NAME
from workbench.model.preprocess import Preprocess, preprocess_from_json


def bundle_json(
    spec: DataSpec,
    index_path: Path,
    preprocess: Preprocess,
    inputs: Sequence[TensorSpec],
    state: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what a worker needs to open the samples; `index_path` is the JSON file that scan() wrote.

    `state` tells which outputs a recurrent model gets back as inputs.

    Pixels that the scan kept lie beside it; without any, "pixels" is None and images are decoded when they are read.
    """
    pixels = index_path.with_name(PIXELS_NAME)
    return {
        "pixels": str(pixels) if pixels.is_file() else None,
        "data": spec.to_json(),
        "index": str(index_path),
        "preprocess": preprocess.to_json(),
        "inputs": [asdict(value) for value in inputs],
        "state": dict(state) if state else None,
    }


def open_bundle(bundle: Mapping[str, Any]) -> Samples:
    """Open the samples of a bundle. Raises DataError."""
    index = sample_index_from_json(json.loads(Path(bundle["index"]).read_text(encoding="utf-8")))
    preprocess = preprocess_from_json(bundle["preprocess"])
    inputs = tuple(tensor_spec_from_json(value) for value in bundle["inputs"])
    pixels = Path(bundle["pixels"]) if bundle.get("pixels") else None
    return open_samples(data_spec_from_json(bundle["data"]), index, preprocess, inputs, pixels, bundle.get("state"))


def tensor_spec_from_json(document: Mapping[str, Any]) -> TensorSpec:
    """Build a TensorSpec from `dataclasses.asdict`'s dict."""
    return TensorSpec(document["name"], document["dtype"], tuple(document["shape"]))
