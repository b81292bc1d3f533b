"""What other tools get wrong on ordinary models, once each, on every plugin: old opsets, lookups, recurrent nets.

Depthwise layers with one scale for all channels, the fourth, are in `unit/quant/passes/test_weights.py`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.contexts import lowered
from helpers.onnx_models import conv_relu_net, lstm_net
from helpers.plans import run_graph

from workbench.execution.coverage import int8_mac_share, placement_records
from workbench.model.load import load_model
from workbench.quant.parity import compare_with_plan
from workbench.quant.qdq import write_qdq
from workbench.spi import Dialect, OpenOptions

PER_CHANNEL_OPSET = 13
"""First opset whose DequantizeLinear has an axis."""


def opened(subject: Any, prepared: Any, folder: Path) -> Any:
    scratch = folder / "scratch"
    scratch.mkdir()
    return subject.runtime.open(prepared, OpenOptions("int8", 1, 1, scratch))


@pytest.mark.parametrize("opset", [9, 11, 12])
def test_a_model_of_an_old_opset_becomes_a_file_that_loads_per_channel(
    subject: Any, opset: int, tmp_path: Path
) -> None:
    old = conv_relu_net(batch=1, opset=opset)
    onnx.save(old, tmp_path / "old.onnx")
    canonical, plan = rule_nets.planned(load_model(tmp_path / "old.onnx").proto)
    assert min(weight.scale.size for weight in plan.weights.values()) > 1
    prepared, _ = lowered(subject.runtime, canonical, plan, tmp_path / "work")
    for file in prepared.artifact.parent.rglob("*.onnx"):
        assert onnx.load(file).opset_import[0].version >= PER_CHANNEL_OPSET
    feeds = rule_nets.example_feeds(canonical, 1, seed=3)
    with opened(subject, prepared, tmp_path) as session:
        found = session.run(feeds)["logits"]
    expected = run_graph(canonical, feeds)["logits"]
    assert np.sum((found - expected) ** 2) < 1e-2 * np.sum(expected**2)


def test_a_table_that_is_looked_up_stays_float_and_every_row_can_be_read(subject: Any, tmp_path: Path) -> None:
    canonical, plan = rule_nets.planned_rule("gather")
    assert "table" not in plan.weights
    assert {"w1", "w2"} <= set(plan.weights)
    prepared, _ = lowered(subject.runtime, canonical, plan, tmp_path)
    assert compare_with_plan(plan, subject.runtime.read_back(prepared.artifact))[1] == []
    ids = np.arange(48, dtype=np.int64).reshape(8, 6) + 2
    expected = run_graph(canonical, {"ids": ids})["y"]
    with opened(subject, prepared, tmp_path) as session:
        found = np.concatenate([session.run({"ids": row[None]})["y"] for row in ids])
    assert np.sum((found - expected) ** 2) < 1e-2 * np.sum(expected**2)


def test_a_recurrent_layer_is_named_in_the_plan_and_in_what_ran(subject: Any, tmp_path: Path) -> None:
    if subject.manifest.id == "echo":
        pytest.skip("onnx.reference has no third output of LSTM")
    rng = np.random.default_rng(0)
    feeds = {"input": rng.standard_normal((6, 1, 12)), "state_h": np.zeros((1, 1, 16)), "state_c": np.zeros((1, 1, 16))}
    arrays = {name: value.astype(np.float32) for name, value in feeds.items()}
    canonical, plan = rule_nets.planned(lstm_net(), feeds=arrays)
    assert "LSTM" in plan.float_nodes["lstm_node"]
    prepared, context = lowered(subject.runtime, canonical, plan, tmp_path)
    with opened(subject, prepared, tmp_path) as session:
        session.run(arrays)
        rows = session.placement()
    (lstm,) = [row for row in rows if row.node == "lstm_node"]
    assert lstm.precision != "int8"
    assert lstm.reason
    share = int8_mac_share(placement_records([asdict(row) for row in rows], context.graph, ()), context.graph)
    assert share is not None or {row.precision for row in rows} == {"unknown"}
    assert (share or 0.0) <= 80 / 10832


def test_the_writer_raises_an_old_opset_by_itself() -> None:
    canonical, plan = rule_nets.planned(conv_relu_net(batch=1, opset=11))
    assert canonical.opset_import[0].version == 11
    written = write_qdq(canonical, plan, Dialect("uint8", "integer_clip", "int32"))
    assert written.opset_import[0].version == PER_CHANNEL_OPSET
    onnx.checker.check_model(written, full_check=True)
