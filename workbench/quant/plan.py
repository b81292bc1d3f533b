"""The quantization plan: every number of the scheme, decided once, and the files that hold it.

`plan.json` holds names, scales and zero points; `plan.npz` beside it holds int8 codes, float32 biases and
float weights that transforms changed, referenced by SHA-256. Both together with the model lower, without
calibration data, to the same bytes on any machine. The graph that a plan speaks of is the *canonical*
graph (`workbench.model.canonical`). Imports neither onnx nor a runtime.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import PlanError
from workbench.files import (
    Migration,
    canonical_json,
    migrate,
    read_versioned_json,
    sha256_of_bytes,
    write_bytes_atomic,
    write_json_atomic,
)
from workbench.quant.scheme import Scheme, scheme_from_json

PLAN_VERSION = 2


def _knobs_of_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew neither bias correction nor the other knobs: such a plan was made without them."""
    if not isinstance(document.get("scheme"), dict):
        return document
    knobs = {
        "bias_correction": False,
        "equalize_activations": False,
        "weight_rounding": "nearest",
        "smoothing": 0.0,
        "scale_rounding": "float16",
    }
    return {**document, "scheme": {**document["scheme"], **knobs}}


MIGRATIONS: dict[int, Migration] = {1: _knobs_of_version_1}
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class TensorParameters:
    """Affine parameters of one activation tensor: real = scale * (code - zero_point).

    Attributes:
        scale: float32 value > 0, exactly representable in float16.
        zero_point: integer of `dtype`; 0 when symmetric.
        dtype: "int8" or "uint8".
        axis: None, activations are per tensor.
        clamp: lowest and highest code, inclusive.
    """

    scale: float
    zero_point: int
    dtype: str
    axis: int | None
    clamp: tuple[int, int]


@dataclass(frozen=True, eq=False)
class WeightParameters:
    """Codes and parameters of one weight: real = scale[c] * codes[..., c, ...], c along `axis`.

    Attributes:
        scale: float32 [C], each exactly representable in float16.
        zero_point: int8 [C], all 0.
        axis: the output-channel axis of `codes`.
        codes: int8, the ONNX initializer's shape, in [-127, 127].
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int8]
    axis: int
    codes: npt.NDArray[np.int8]
    dtype: str = "int8"


@dataclass(frozen=True)
class CalibrationRecord:
    """How activation ranges were found.

    Attributes:
        method: calibration method; parameters: its parameters.
        n: number of samples; 0 for a scheme without activations.
        sha256: hash of the samples' content, preprocessing and order; "" when n is 0.
    """

    method: str
    parameters: Mapping[str, Any]
    n: int
    sha256: str


@dataclass(frozen=True, eq=False)
class QuantPlan:
    """All numbers of one scheme on one model. Names are those of the canonical graph.

    Attributes:
        model_sha256: fingerprint of the model as the user gave it.
        scheme: the logical scheme.
        calibration: method and data.
        tensors: tensor name -> parameters; shared scales appear once per tensor, with equal values. A tensor that a
            quantized node makes is codes for everybody; one that a float node makes, or an input of the graph, is
            codes for the nodes whose `edges` name it and stays float for all others (`float_made`).
        weights: initializer name -> codes and parameters.
        biases: initializer name -> float32 [C], already rounded to the grid scale_x * scale_w[c].
        float_values: initializer name -> float32, weights that stay float but were changed by a transform.
        quantized_nodes: names of nodes that compute on integers.
        edges: node name -> indices of its inputs that are quantized (activations and weights).
        float_nodes: node name -> why it stays in float.
        transforms: what was done to the numbers, in order ({"kind": ..., ...}).
        ranges: tensor name -> observed {"min", "max", "threshold"} before shared scales and rounding.
    """

    model_sha256: str
    scheme: Scheme
    calibration: CalibrationRecord
    tensors: Mapping[str, TensorParameters] = field(default_factory=dict)
    weights: Mapping[str, WeightParameters] = field(default_factory=dict)
    biases: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    float_values: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    quantized_nodes: tuple[str, ...] = ()
    edges: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    float_nodes: Mapping[str, str] = field(default_factory=dict)
    transforms: tuple[Mapping[str, Any], ...] = ()
    ranges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return `plan.json`'s document; arrays appear as SHA-256 of their bytes."""
        return {
            "schema_version": PLAN_VERSION,
            "model": {"sha256": self.model_sha256},
            "scheme": self.scheme.to_json(),
            "calibration": {
                "method": self.calibration.method,
                "parameters": dict(self.calibration.parameters),
                "n": self.calibration.n,
                "sha256": self.calibration.sha256,
            },
            "tensors": {name: _tensor_json(value) for name, value in self.tensors.items()},
            "weights": {name: _weight_json(value) for name, value in self.weights.items()},
            "biases": {name: {"sha256": _array_sha256(value)} for name, value in self.biases.items()},
            "float_values": {name: {"sha256": _array_sha256(value)} for name, value in self.float_values.items()},
            "quantized_nodes": list(self.quantized_nodes),
            "edges": {name: list(value) for name, value in self.edges.items()},
            "float_nodes": dict(self.float_nodes),
            "transforms": [dict(value) for value in self.transforms],
            "ranges": {name: dict(value) for name, value in self.ranges.items()},
        }

    def float_made(self, producers: Mapping[str, str]) -> frozenset[str]:
        """Return the planned tensors that no quantized node makes; `producers`: tensor -> name of its node."""
        integer = set(self.quantized_nodes)
        return frozenset(name for name in self.tensors if producers.get(name) not in integer)

    @property
    def sha256(self) -> str:
        """The plan's identity: SHA-256 of its canonical JSON, which covers every array by hash."""
        return sha256_of_bytes(canonical_json(self.to_json()))


def save_plan(plan: QuantPlan, path: Path) -> None:
    """Write `path` (plan.json) and the .npz beside it, the .npz first, byte-reproducible. Raises OutputError."""
    write_bytes_atomic(path.with_suffix(".npz"), _npz_bytes(_arrays(plan)))
    write_json_atomic(path, plan.to_json())


def load_plan(path: Path) -> QuantPlan:
    """Read a plan written by `save_plan` and check every array against its hash.

    Raises:
        FileFormatError: plan.json is damaged, foreign or newer.
        PlanError: the .npz is missing, damaged or does not match plan.json.
    """
    document = read_versioned_json(path, "plan", PLAN_VERSION, MIGRATIONS)
    arrays = _read_npz(path.with_suffix(".npz"))
    return plan_from_json(document, arrays, path.name)


def plan_from_json(document: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]], name: str) -> QuantPlan:
    """Build a plan from its document and its arrays. Raises PlanError, FileFormatError, SchemeError."""
    document = migrate(document, name, "plan", PLAN_VERSION, MIGRATIONS)
    try:
        calibration = document["calibration"]
        return QuantPlan(
            model_sha256=document["model"]["sha256"],
            scheme=scheme_from_json(document["scheme"]),
            calibration=CalibrationRecord(
                calibration["method"], calibration["parameters"], calibration["n"], calibration["sha256"]
            ),
            tensors={key: _tensor_from_json(value) for key, value in document["tensors"].items()},
            weights={key: _weight_from_json(key, value, arrays) for key, value in document["weights"].items()},
            biases=_named_arrays("bias", document["biases"], arrays),
            float_values=_named_arrays("float", document["float_values"], arrays),
            quantized_nodes=tuple(_list(document["quantized_nodes"])),
            edges={key: tuple(_list(value)) for key, value in document["edges"].items()},
            float_nodes={key: _text(value) for key, value in document["float_nodes"].items()},
            transforms=tuple(dict(value) for value in _list(document["transforms"])),
            ranges={key: dict(value) for key, value in document["ranges"].items()},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PlanError(f"{name} is damaged", why=f"{error} is missing or malformed") from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list in place of {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text in place of {value!r}")
    return value


def _tensor_json(value: TensorParameters) -> dict[str, Any]:
    return {
        "scale": value.scale,
        "zero_point": value.zero_point,
        "dtype": value.dtype,
        "axis": value.axis,
        "clamp": list(value.clamp),
    }


def _tensor_from_json(value: dict[str, Any]) -> TensorParameters:
    low, high = value["clamp"]
    return TensorParameters(value["scale"], value["zero_point"], value["dtype"], value["axis"], (low, high))


def _weight_json(value: WeightParameters) -> dict[str, Any]:
    return {
        "scale": [float(scale) for scale in value.scale],
        "zero_point": [int(zero) for zero in value.zero_point],
        "axis": value.axis,
        "dtype": value.dtype,
        "codes_sha256": _array_sha256(value.codes),
    }


def _weight_from_json(name: str, value: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> WeightParameters:
    codes = _checked(f"codes/{name}", value["codes_sha256"], arrays)
    return WeightParameters(
        scale=np.asarray(value["scale"], np.float32),
        zero_point=np.asarray(value["zero_point"], np.int8),
        axis=value["axis"],
        codes=codes.astype(np.int8, copy=False),
        dtype=value["dtype"],
    )


def _named_arrays(
    prefix: str, entries: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.float32]]:
    return {name: _checked(f"{prefix}/{name}", entry["sha256"], arrays) for name, entry in entries.items()}


def _checked(key: str, sha256: str, arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if key not in arrays:
        raise PlanError(f"The plan's .npz lacks {key}", how="Copy plan.json and plan.npz together.")
    if _array_sha256(arrays[key]) != sha256:
        raise PlanError(f"{key} in the plan's .npz is not what plan.json names", why="its SHA-256 differs")
    return arrays[key]


def _array_sha256(array: npt.NDArray[Any]) -> str:
    header = f"{array.dtype.str}{array.shape}".encode()
    return sha256_of_bytes(header + np.ascontiguousarray(array).tobytes())


def _arrays(plan: QuantPlan) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    arrays.update({f"codes/{name}": value.codes for name, value in plan.weights.items()})
    arrays.update({f"bias/{name}": value for name, value in plan.biases.items()})
    arrays.update({f"float/{name}": value for name, value in plan.float_values.items()})
    return arrays


def _npz_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return a .npz whose bytes depend on the arrays alone (no clock); members are numbered, names in an index."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        names = sorted(arrays)
        _add_member(archive, "index", np.asarray(names, np.str_))
        for number, name in enumerate(names):
            _add_member(archive, str(number), np.asarray(arrays[name], order="C"))  # of no axes too
    return buffer.getvalue()


def _add_member(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    member = io.BytesIO()
    np.lib.format.write_array(member, array, allow_pickle=False)
    archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return {str(name): archive[str(number)] for number, name in enumerate(archive["index"])}
    except FileNotFoundError as error:
        raise PlanError(f"{path.name} is missing", how="Copy plan.json and plan.npz together.") from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise PlanError(f"{path.name} cannot be read", why="it is cut off or not an .npz file") from error
