from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.contexts import lowered
from helpers.onnx_models import resnet_like
from helpers.rule_nets import planned
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import numpy_helper
from workbench_plugins.coreml.halves import LARGEST, round_biases, rounded, rounded_biases, told
from workbench_plugins.coreml.read_back import read_parameters
from workbench_plugins.coreml.runtime import CoreMlRuntime

from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.qdq import write_qdq

VALUES = {"exact": [0.5, -2], "changed": [0.1, 1], "large": [0.1, 1e5]}
BIASES = hnp.arrays(np.float32, st.integers(1, 8), elements=st.floats(-(2.0**17), 2.0**17, width=32))


@given(BIASES)
def test_a_bias_is_rounded_once_or_kept(bias: np.ndarray) -> None:
    half = rounded(bias)
    assert np.isfinite(half).all()
    np.testing.assert_array_equal(rounded(half), half)
    if np.abs(bias).max() > LARGEST:
        np.testing.assert_array_equal(half, bias)
    else:
        assert (np.abs(half - bias) <= np.maximum(np.abs(bias) * 2.0**-11, 2.0**-25)).all()


def test_only_what_float16_changes_is_declared() -> None:
    biases = {name: np.array(value, np.float32) for name, value in VALUES.items()}
    found = rounded_biases(biases)
    assert list(found) == ["changed"]
    assert told(biases, found) == "1 of 3 rounded, a value by 0.024 % at most"
    assert told(biases, {}) == "none of 3 rounded"


def test_values_below_the_normal_range_are_no_large_rounding() -> None:
    biases = {"tiny": np.array([1e-9, 0.0, 1.0], np.float32)}
    assert told(biases, rounded_biases(biases)) == "1 of 1 rounded, a value by 0 % at most"


def test_weights_and_scales_of_the_graph_stay() -> None:
    canonical, plan = planned(resnet_like())
    before, after = write_qdq(canonical, plan, SIMULATED), write_qdq(canonical, plan, SIMULATED)
    round_biases(after)
    pairs = zip(before.graph.initializer, after.graph.initializer, strict=True)
    changed = {one.name for one, other in pairs if one.raw_data != other.raw_data}
    assert changed
    assert changed <= set(plan.biases)


@pytest.mark.parametrize("value", [1e-9, -3e-8, 7e4])
def test_tiny_and_huge_values_are_read_back_as_declared(value: float, tmp_path: Path) -> None:
    """coremltools raises tiny values and keeps layers with huge ones in float32: what is declared holds."""
    model = resnet_like()
    stem = next(item for item in model.graph.initializer if item.name == bias_of(model, "stem_node"))
    values = numpy_helper.to_array(stem).copy()
    values[0] = value
    stem.CopyFrom(numpy_helper.from_array(values, stem.name))
    canonical, plan = planned(model)
    plan.biases[stem.name][0] = value
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, tmp_path, {"compute": "float16"})
    expected = {**plan.biases, **prepared.declared_biases}
    found = read_parameters(prepared.artifact)
    _, mismatches = compare_with_plan(plan, found)
    assert {item.name for item in mismatches} == set(prepared.declared_biases)
    for name, bias in expected.items():
        np.testing.assert_array_equal(found.biases[name], bias)


def bias_of(model: onnx.ModelProto, node: str) -> str:
    return str(next(item.input[2] for item in model.graph.node if item.name == node))
