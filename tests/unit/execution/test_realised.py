"""Parameters read back survive their files, in the dtypes they were found in; damage is one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import FileFormatError
from workbench.execution.realised import biases_from_json, biases_json, load_realised, save_realised
from workbench.quant.parity import RealisedParameters
from workbench.quant.plan import TensorParameters, WeightParameters


def found() -> RealisedParameters:
    codes = np.array([[200, 3]], np.uint8)  # not what a plan would hold: it must show, not be cast away
    weight = WeightParameters(np.float32([0.5]), np.array([128], np.uint8), 0, codes, "uint8")  # type: ignore[arg-type]
    tensors = {
        "x/y:0": TensorParameters(0.1, 128, "uint8", None, (0, 255)),
        "bad": TensorParameters(float("nan"), 0, "int8", None, (-128, 127)),
    }
    return RealisedParameters(tensors, {"w": weight}, {"b": np.float32([1.5, float("inf")])})


def test_everything_survives(tmp_path: Path) -> None:
    save_realised(found(), tmp_path / "r.json")
    loaded = load_realised(tmp_path / "r.json")
    assert loaded.tensors["x/y:0"] == found().tensors["x/y:0"]
    assert np.isnan(loaded.tensors["bad"].scale)
    weight = loaded.weights["w"]
    assert (weight.codes.dtype, weight.codes.tolist(), weight.dtype, weight.axis) == (np.uint8, [[200, 3]], "uint8", 0)
    assert (weight.zero_point.tolist(), weight.scale.tolist()) == ([128], [0.5])
    np.testing.assert_array_equal(loaded.biases["b"], found().biases["b"])


def test_declared_biases_come_back_bit_by_bit() -> None:
    given = {"b": np.float32([0.1, -(2.0**-24), 65504.0, 1e-38])}
    again = biases_from_json(json.loads(json.dumps(biases_json(given))))
    assert again["b"].dtype == np.float32
    np.testing.assert_array_equal(again["b"], given["b"])


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    save_realised(found(), path)
    data = bytearray(path.with_suffix(".npz").read_bytes())
    data[len(data) // 2] ^= 1
    path.with_suffix(".npz").write_bytes(data)
    with pytest.raises(FileFormatError, match="SHA-256"):
        load_realised(path)
    path.with_suffix(".npz").unlink()
    with pytest.raises(FileFormatError, match="damaged"):
        load_realised(path)
    path.write_text(json.dumps({"schema_version": 99}), encoding="utf-8")
    with pytest.raises(FileFormatError, match="newer program"):
        load_realised(path)
