"""What a plugin read back from an artifact, as two files: the worker writes them, the host compares with the plan."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import FileFormatError
from workbench.files import read_versioned_json, sha256_of_bytes, write_bytes_atomic, write_json_atomic
from workbench.quant.parity import RealisedParameters
from workbench.quant.plan import TensorParameters, WeightParameters

REALISED_VERSION = 1


def save_realised(realised: RealisedParameters, path: Path) -> None:
    """Write `path` (.json) and the .npz beside it; dtypes stay as they were found. Raises OutputError."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    document = {
        "schema_version": REALISED_VERSION,
        "tensors": tensors_json(realised.tensors),
        "weights": {name: _weight_json(value, arrays) for name, value in realised.weights.items()},
        "biases": {name: _add(value, arrays) for name, value in realised.biases.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes_atomic(path.with_suffix(".npz"), buffer.getvalue())
    write_json_atomic(path, {**document, "arrays_sha256": sha256_of_bytes(buffer.getvalue())})


def load_realised(path: Path) -> RealisedParameters:
    """Read what `save_realised` wrote. Raises FileFormatError when it is missing, damaged or newer."""
    document = read_versioned_json(path, "read-back", REALISED_VERSION)
    try:
        data = path.with_suffix(".npz").read_bytes()
        if sha256_of_bytes(data) != document["arrays_sha256"]:
            raise FileFormatError(f"{path.stem}.npz is not what {path.name} names", why="its SHA-256 differs")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return RealisedParameters(
                tensors=tensors_from_json(document["tensors"]),
                weights={name: _weight(value, arrays) for name, value in document["weights"].items()},
                biases={name: arrays[key] for name, key in document["biases"].items()},
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path.name} is damaged", why=str(error)) from error


def tensors_json(tensors: Mapping[str, TensorParameters]) -> dict[str, Any]:
    """Return parameters of tensors as JSON."""
    return {name: _tensor_json(value) for name, value in tensors.items()}


def tensors_from_json(document: Mapping[str, Any]) -> dict[str, TensorParameters]:
    """Return what `tensors_json` was given. Raises KeyError, TypeError, ValueError on another form."""
    return {name: _tensor(value) for name, value in document.items()}


def biases_json(biases: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Return float32 biases as JSON; every value comes back as it was."""
    return {name: np.asarray(value, np.float32).tolist() for name, value in biases.items()}


def biases_from_json(document: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Return what `biases_json` was given. Raises TypeError, ValueError on another form."""
    return {name: np.array(values, np.float32) for name, values in document.items()}


def _add(array: npt.NDArray[Any], arrays: dict[str, npt.NDArray[Any]]) -> str:
    """Keep an array under a number, since names of tensors may hold anything, and return its key."""
    key = f"a{len(arrays)}"
    arrays[key] = np.asarray(array)
    return key


def _tensor_json(value: TensorParameters) -> dict[str, Any]:
    return {
        "scale": json.dumps(float(value.scale)),
        "zero_point": int(value.zero_point),
        "dtype": value.dtype,
        "axis": value.axis,
        "clamp": [int(code) for code in value.clamp],
    }


def _tensor(value: dict[str, Any]) -> TensorParameters:
    low, high = value["clamp"]
    return TensorParameters(json.loads(value["scale"]), value["zero_point"], value["dtype"], value["axis"], (low, high))


def _weight_json(value: WeightParameters, arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    return {
        "scale": _add(value.scale, arrays),
        "zero_point": _add(value.zero_point, arrays),
        "codes": _add(value.codes, arrays),
        "axis": value.axis,
        "dtype": value.dtype,
    }


def _weight(value: dict[str, Any], arrays: Any) -> WeightParameters:
    return WeightParameters(
        scale=arrays[value["scale"]],
        zero_point=arrays[value["zero_point"]],
        axis=value["axis"],
        codes=arrays[value["codes"]],
        dtype=value["dtype"],
    )
