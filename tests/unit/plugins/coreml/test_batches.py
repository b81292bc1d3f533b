from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.batches import run_samples
from workbench_plugins.coreml.sidecar import Feature, Sidecar


def sidecar(batch: int) -> Sidecar:
    inputs = {"x": Feature("x_1", "int64", (batch, 2), batched=True), "k": Feature("k", "float32", (), batched=False)}
    outputs = {"y": Feature("y_1", "int64", (batch,), batched=True), "s": Feature("s", "float32", (), batched=False)}
    return Sidecar(batch, "float32", inputs, outputs)


def predict(feeds: Any) -> Any:
    assert feeds["x_1"].dtype == np.int32
    assert feeds["k"].shape == (1,)
    return {"y_1": feeds["x_1"].sum(axis=1), "s": feeds["k"] * 2}


@given(n=st.integers(1, 9), batch=st.integers(1, 4))
def test_any_number_of_samples_gives_each_its_answer(n: int, batch: int) -> None:
    feeds = {"x": np.arange(2 * n).reshape(n, 2), "k": np.float32(1.5)}
    found = run_samples(predict, sidecar(batch), feeds)
    np.testing.assert_array_equal(found["y"], feeds["x"].sum(axis=1))
    assert found["y"].dtype == np.int64
    assert (found["s"].shape, float(found["s"])) == ((), 3.0)


def test_without_a_free_axis_there_is_one_run() -> None:
    one = {name: Feature(name, "float32", (1, 2), batched=False) for name in ("x", "y")}
    fixed = Sidecar(4, "float32", {"x": one["x"]}, {"y": one["y"]})
    found = run_samples(lambda feeds: {"y": feeds["x"]}, fixed, {"x": np.ones((1, 2), np.float32)})
    assert found["y"].shape == (1, 2)


def test_feeds_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match="no feed for input 'x'"):
        run_samples(predict, sidecar(1), {"k": np.float32(1)})
    with pytest.raises(ValueError, match=r"input 'x' is int64 \[1, 3\], the model takes int64 \['N', 2\]"):
        run_samples(predict, sidecar(1), {"x": np.zeros((1, 3), np.int64), "k": np.float32(1)})
    with pytest.raises(ValueError, match="is float32"):
        run_samples(predict, sidecar(1), {"x": np.zeros((1, 2), np.float32), "k": np.float32(1)})
