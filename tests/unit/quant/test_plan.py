"""Plans on disk: round trip, hashes over every array, byte-reproducible files, and damage named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import FileFormatError, PlanError, SchemeError
from workbench.quant.plan import (
    PLAN_VERSION,
    CalibrationRecord,
    QuantPlan,
    TensorParameters,
    WeightParameters,
    load_plan,
    save_plan,
)
from workbench.quant.scheme import Scheme


def plan(**changes: Any) -> QuantPlan:
    codes = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2, 1)
    base = QuantPlan(
        model_sha256="a" * 64,
        scheme=Scheme(method="percentile", exclude_nodes=("n9",)),
        calibration=CalibrationRecord("percentile", {"percentile": 99.999}, 12, "b" * 64),
        tensors={"x": TensorParameters(0.5, 0, "int8", None, (-128, 127))},
        weights={"W/0": WeightParameters(np.asarray([0.5, 0.25], np.float32), np.zeros(2, np.int8), 0, codes)},
        biases={"B:0": np.asarray([0.25, -1.5], np.float32)},
        float_values={"F": np.ones((1, 2), np.float32)},
        quantized_nodes=("n0", "n1"),
        edges={"n0": (0, 1), "n1": ()},
        float_nodes={"n2": "Softmax"},
        transforms=({"kind": "batch_norm", "node": "n0"},),
        ranges={"x": {"min": -1.0, "max": 2.0, "threshold": 1.5}},
    )
    return replace(base, **changes)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    save_plan(plan(), path)
    return path


def edit(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **changes}), encoding="utf-8")


def test_a_tensor_is_made_in_float_unless_a_quantized_node_makes_it() -> None:
    parameters = TensorParameters(0.5, 0, "int8", None, (-128, 127))
    several = plan(tensors=dict.fromkeys(("input", "island", "layer"), parameters))
    assert several.float_made({"layer": "n1", "island": "n2", "other": "n0"}) == {"input", "island"}


def test_what_is_loaded_is_what_was_saved(saved: Path) -> None:
    got, expected = load_plan(saved), plan()
    assert got.sha256 == expected.sha256
    assert got.to_json() == expected.to_json()
    weight, original = got.weights["W/0"], expected.weights["W/0"]
    for name in ("codes", "scale", "zero_point"):
        np.testing.assert_array_equal(getattr(weight, name), getattr(original, name))
        assert getattr(weight, name).dtype == getattr(original, name).dtype
    np.testing.assert_array_equal(got.biases["B:0"], expected.biases["B:0"])
    np.testing.assert_array_equal(got.float_values["F"], expected.float_values["F"])
    assert (got.scheme, got.tensors, got.edges) == (expected.scheme, expected.tensors, expected.edges)


def test_a_constant_without_axes_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    save_plan(plan(float_values={"F": np.asarray(0.5, np.float32)}), tmp_path / "plan.json")
    found = load_plan(tmp_path / "plan.json").float_values["F"]
    assert (found.shape, float(found)) == ((), 0.5)


def test_equal_plans_give_equal_bytes(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "again" / "plan.json"
    save_plan(load_plan(saved), other)
    assert other.read_bytes() == saved.read_bytes()
    assert other.with_suffix(".npz").read_bytes() == saved.with_suffix(".npz").read_bytes()


def test_the_npz_is_an_ordinary_one(saved: Path) -> None:
    with np.load(saved.with_suffix(".npz"), allow_pickle=False) as archive:
        assert list(archive["index"]) == ["bias/B:0", "codes/W/0", "float/F"]


@pytest.mark.parametrize(
    "changes",
    [
        {"model_sha256": "c" * 64},
        {"scheme": Scheme()},
        {"tensors": {"x": TensorParameters(0.25, 0, "int8", None, (-128, 127))}},
        {"biases": {"B:0": np.asarray([0.25, -1.25], np.float32)}},
        {"float_values": {}},
        {"quantized_nodes": ("n0",)},
        {"edges": {"n0": (0,), "n1": ()}},
        {"float_nodes": {"n2": "another reason"}},
        {"transforms": ()},
        {"ranges": {}},
        {"calibration": CalibrationRecord("percentile", {"percentile": 99.999}, 13, "b" * 64)},
    ],
)
def test_every_part_moves_the_hash(changes: dict[str, Any]) -> None:
    assert plan(**changes).sha256 != plan().sha256


@pytest.mark.parametrize("field", ["codes", "scale", "zero_point"])
def test_every_array_of_a_weight_moves_the_hash(field: str) -> None:
    weight = plan().weights["W/0"]
    changed = {name: getattr(weight, name).copy() for name in ("codes", "scale", "zero_point")}
    changed[field].flat[1] += 1
    assert plan(weights={"W/0": WeightParameters(axis=0, **changed)}).sha256 != plan().sha256


def test_the_axis_of_a_weight_moves_the_hash() -> None:
    assert plan(weights={"W/0": replace(plan().weights["W/0"], axis=1)}).sha256 != plan().sha256


def test_a_changed_array_is_named(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "plan.json"
    save_plan(plan(biases={"B:0": np.zeros(2, np.float32)}), other)
    saved.with_suffix(".npz").write_bytes(other.with_suffix(".npz").read_bytes())
    with pytest.raises(PlanError, match="bias/B:0"):
        load_plan(saved)


def test_a_missing_array_is_named(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "plan.json"
    save_plan(plan(weights={}), other)
    saved.with_suffix(".npz").write_bytes(other.with_suffix(".npz").read_bytes())
    with pytest.raises(PlanError, match="codes/W/0"):
        load_plan(saved)


def test_a_missing_npz_is_named(saved: Path) -> None:
    saved.with_suffix(".npz").unlink()
    with pytest.raises(PlanError, match=r"plan\.npz is missing"):
        load_plan(saved)


@pytest.mark.parametrize("keep", [0, 10, 300])
def test_a_truncated_npz_is_one_line(saved: Path, keep: int) -> None:
    path = saved.with_suffix(".npz")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PlanError, match=r"plan\.npz cannot be read"):
        load_plan(saved)


def test_random_bytes_as_npz_are_one_line(saved: Path) -> None:
    saved.with_suffix(".npz").write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(PlanError, match=r"plan\.npz cannot be read"):
        load_plan(saved)


@pytest.mark.parametrize("position", [40, 90, 200, 420])
def test_a_flipped_byte_inside_the_npz_is_a_plan_error(saved: Path, position: int) -> None:
    path = saved.with_suffix(".npz")
    data = bytearray(path.read_bytes())
    data[position] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(PlanError):
        load_plan(saved)


def test_a_newer_or_foreign_plan_is_refused(saved: Path) -> None:
    edit(saved, schema_version=PLAN_VERSION + 1)
    with pytest.raises(FileFormatError, match="newer program"):
        load_plan(saved)
    saved.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(FileFormatError, match="not a plan file"):
        load_plan(saved)


def test_a_plan_of_version_1_had_none_of_the_knobs(saved: Path) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    knobs = ("bias_correction", "equalize_activations", "weight_rounding", "smoothing", "scale_rounding")
    older = {key: value for key, value in document["scheme"].items() if key not in knobs}
    edit(saved, schema_version=1, scheme=older)
    scheme = load_plan(saved).scheme
    assert (scheme.bias_correction, scheme.equalize_activations, scheme.weight_rounding) == (False, False, "nearest")
    assert (scheme.smoothing, scheme.scale_rounding) == (0.0, "float16")
    edit(saved, scheme=3)
    with pytest.raises(PlanError, match="damaged"):
        load_plan(saved)


PARTS = [
    *("model", "scheme", "calibration", "tensors", "weights", "biases", "float_values"),
    *("quantized_nodes", "edges", "float_nodes", "transforms", "ranges"),
]


@pytest.mark.parametrize("key", PARTS)
@pytest.mark.parametrize("value", [None, 3, "text", {"a": 1}])
def test_malformed_parts_are_one_line(saved: Path, key: str, value: Any) -> None:
    edit(saved, **{key: value})
    with pytest.raises((PlanError, FileFormatError, SchemeError)):
        load_plan(saved)


def test_a_tensor_without_a_clamp_pair_is_damaged(saved: Path) -> None:
    edit(saved, tensors={"x": {"scale": 1.0, "zero_point": 0, "dtype": "int8", "axis": None, "clamp": [1]}})
    with pytest.raises(PlanError, match="damaged"):
        load_plan(saved)
