"""Our Core ML packages give what other converters' packages give, all read by our reader and run by our evaluator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import onnx_models
from helpers.coreml_peers import INSTALL, cross_check, evaluated, installed_peers, least_db, save_ours, static
from helpers.rule_nets import example_feeds
from onnx import numpy_helper

SMALL: dict[str, Callable[[], onnx.ModelProto]] = {
    "chain of Convs": lambda: onnx_models.conv_relu_net(softmax=True),
    "residual": onnx_models.resnet_like,
    "depthwise": onnx_models.depthwise_net,
    "Concat": onnx_models.concat_net,
    "encoder": onnx_models.encoder_like,
    "LSTM": onnx_models.lstm_net,
    "detection head": onnx_models.detection_head_net,
    "several inputs": onnx_models.multi_io_net,
}
REAL = ("kws_dscnn", "resnet8", "model_1")
NOT_TAKEN = {("LSTM", "onnxsim"): "'LSTM' is not supported", ("model_1", "onnxsim"): "'LSTM' is not supported"}
"""(model, converter) -> its own words."""
LEAST_DB = 100.0
"""Float32 alone gives about 130 dB."""


def check(name: str, model: onnx.ModelProto, folder: Path) -> None:
    fixed = static(model)
    ours, found = cross_check(fixed, example_feeds(fixed, 1, seed=1), folder, installed_peers())
    assert ours.to_onnxruntime_db >= LEAST_DB
    for peer, agreement in found.items():
        expected = NOT_TAKEN.get((name, peer), "")
        assert bool(agreement.refused) == bool(expected), agreement.refused
        assert expected in agreement.refused
        if not expected:
            assert min(agreement.to_ours_db, agreement.to_onnxruntime_db) >= LEAST_DB, (peer, agreement)


@pytest.fixture(autouse=True)
def _peers() -> None:
    if not installed_peers():
        pytest.skip(f"needs another converter: {INSTALL}")


@pytest.mark.parametrize("name", SMALL)
def test_small_models_agree(name: str, tmp_path: Path) -> None:
    check(name, SMALL[name](), tmp_path)


@pytest.mark.parametrize("name", REAL)
def test_real_models_agree(shared_data: Path, name: str, tmp_path: Path) -> None:
    check(name, onnx.load(shared_data / "models" / f"{name}.onnx"), tmp_path)


def test_one_weight_that_differs_is_seen(tmp_path: Path) -> None:
    model = static(onnx_models.resnet_like())
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    weight = next(item for item in changed.graph.initializer if item.name == "stem_w")
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] *= 1.1
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    feeds = example_feeds(model, 1, seed=1)
    pairs = zip((model, changed), ("a.mlpackage", "b.mlpackage"), strict=True)
    one, other = (evaluated(save_ours(item, tmp_path / name), feeds)[0] for item, name in pairs)
    assert least_db(one, other) < LEAST_DB - 20
    with pytest.raises(ValueError, match="reshape"):
        least_db(one, [np.zeros((1, 11), np.float32)])
