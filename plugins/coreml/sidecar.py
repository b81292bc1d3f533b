"""A small file beside the package: which name of the program stands for what in the canonical graph.

Core ML takes only letters, digits and underscores, and names no node of ours; numbers are in the package alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

SUFFIX = ".names.json"
SIDECAR_VERSION = 1


@dataclass(frozen=True)
class Feature:
    """An input or output.

    Attributes:
        name: Core ML's name; dtype, shape: as the ONNX model declares them, shape for the package's batch.
        batched: its first axis was free, so that the package's batch stands there.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    batched: bool


@dataclass(frozen=True)
class Node:
    """A node of the canonical graph.

    Attributes:
        ops: names of the program's operations that it became; () where it vanished.
        quantized: it computes on values that were codes.
        why_float: why the plan leaves it in float, or "".
    """

    name: str
    op_type: str
    ops: tuple[str, ...]
    quantized: bool
    why_float: str = ""


@dataclass(frozen=True)
class Sidecar:
    """What the package cannot say of itself.

    Attributes:
        batch: samples of one prediction.
        compute: float32 | float16.
        inputs, outputs: ONNX name -> feature.
        tensors: variable -> planned tensor; a tensor stands under its codes and under the value before quantizing.
        same_codes: planned tensor -> the one it is a reshaped copy of; passes may leave a single quantize for both.
        weights: variable -> (planned weight, axis of its channels).
        biases: variable of a layer's output -> (planned bias, its number of elements).
        rewritten: what is expressed otherwise than in ONNX, in words.
        renamed: ONNX tensor -> variable, where they differ.
    """

    batch: int
    compute: str
    inputs: Mapping[str, Feature]
    outputs: Mapping[str, Feature]
    tensors: Mapping[str, str] = field(default_factory=dict)
    same_codes: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    biases: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()
    rewritten: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


def save_sidecar(sidecar: Sidecar, package: Path) -> None:
    """Write the file that belongs to a package."""
    document = {"schema_version": SIDECAR_VERSION, **asdict(sidecar)}
    _path(package).write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")


def load_sidecar(package: Path) -> Sidecar:
    """Read the file that belongs to a package. Raises ModelError when it is missing or damaged."""
    try:
        document = json.loads(_path(package).read_text(encoding="utf-8"))
        if document.pop("schema_version") != SIDECAR_VERSION:
            raise ValueError("another version")
        return _sidecar(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{_path(package).name} is missing or damaged",
            why="it says which name of the package stands for which of the model",
            how="Prepare the artifact again.",
        ) from error


def _sidecar(document: dict[str, Any]) -> Sidecar:
    lists = {
        "inputs": {name: _feature(item) for name, item in document["inputs"].items()},
        "outputs": {name: _feature(item) for name, item in document["outputs"].items()},
        "weights": {name: (str(weight), int(axis)) for name, (weight, axis) in document["weights"].items()},
        "biases": {name: (str(bias), int(count)) for name, (bias, count) in document["biases"].items()},
        "nodes": tuple(Node(**{**node, "ops": tuple(node["ops"])}) for node in document["nodes"]),
        "rewritten": tuple(document["rewritten"]),
    }
    return Sidecar(**{**document, **lists})


def _feature(item: dict[str, Any]) -> Feature:
    return Feature(**{**item, "shape": tuple(item["shape"])})


def _path(package: Path) -> Path:
    return package.with_name(package.name + SUFFIX)
