"""A session: CPU provider only, options checked and read back, fresh arrays, placements that add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import encoder_like, lstm_net, multi_io_net, random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from workbench_plugins.ort_cpu.runtime import RUNTIME
from workbench_plugins.ort_cpu.session import SETTINGS, checked_settings

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions, Prepared


def prepared(net, folder: Path, precision="int8", scheme="S1"):
    canonical = canonical_graph(net())[0]
    plan = make_plan(canonical, random_feeds(canonical, 2), Scheme(name=scheme)) if precision == "int8" else None
    save_proto(canonical, folder / "source" / "model.onnx")
    context = PlainContext(folder, precision, canonical, plan)
    return RUNTIME.prepare(folder / "source" / "model.onnx", plan, context), canonical, context.graph


def options(folder: Path, threads=1, **settings) -> OpenOptions:
    return OpenOptions("int8", threads, 2, folder, settings)


def test_defaults_are_filled_in_and_strangers_refused():
    assert checked_settings({}) == {key: values[0] for key, values in SETTINGS.items()}
    assert checked_settings({"allow_spinning": True})["allow_spinning"] is True
    with pytest.raises(ValueError, match="known: allow_spinning"):
        checked_settings({"alow_spinning": True})
    for key, value in (("allow_spinning", 1), ("allow_spinning", "yes"), ("graph_optimization_level", "most")):
        with pytest.raises(ValueError, match=key):
            checked_settings({key: value})


def test_facts_are_read_back_from_the_session(tmp_path):
    done = prepared(resnet_like, tmp_path)[0]
    with RUNTIME.open(done, options(tmp_path, 2, graph_optimization_level="extended")) as session:
        facts = session.facts()
    assert facts["providers"] == "CPUExecutionProvider"
    assert (facts["intra_op_threads"], facts["inter_op_threads"]) == ("2", "1")
    assert facts["execution_mode"] == "ORT_SEQUENTIAL"
    assert facts["graph_optimization_level"] == "ORT_ENABLE_EXTENDED"
    assert facts["allow_spinning"] == "0"


def test_run_returns_arrays_that_the_next_run_leaves_alone(tmp_path):
    done, canonical, _ = prepared(resnet_like, tmp_path)
    first, second = random_feeds(canonical, 2), random_feeds(canonical, 2, seed=1)
    with RUNTIME.open(done, options(tmp_path)) as session:
        kept = session.run(first)
        copies = {name: value.copy() for name, value in kept.items()}
        other = session.run(second)
    assert all(np.array_equal(kept[name], copies[name]) for name in kept)
    assert all(not np.shares_memory(kept[name], other[name]) for name in kept)
    assert any(not np.array_equal(kept[name], other[name]) for name in kept)


def test_the_integer_graph_gives_the_same_answers_after_placement(tmp_path):
    done, canonical, _ = prepared(resnet_like, tmp_path)
    feeds = random_feeds(canonical, 2)
    with RUNTIME.open(done, options(tmp_path)) as session:
        before = session.run(feeds)
        session.placement()
        after = session.run(feeds)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("level", ["all", "extended", "basic", "disable"])
@pytest.mark.parametrize("net", [resnet_like, encoder_like, lstm_net, multi_io_net])
def test_every_node_has_exactly_one_placement_and_shares_add_up(tmp_path, net, level, precision):
    done, canonical, graph = prepared(net, tmp_path, precision)
    with RUNTIME.open(done, options(tmp_path, graph_optimization_level=level)) as session:
        session.run(random_feeds(canonical, 2))
        placed = session.placement()
    assert [item.node for item in placed if item.node] == [node.name for node in graph.nodes]
    assert sum(item.time_share or 0.0 for item in placed) == pytest.approx(1.0)
    assert not [item for item in placed if item.precision == "unknown"]
    if precision == "fp32":
        assert {item.precision for item in placed} == {"fp32"}


def test_weight_only_runs_in_float_and_says_so(tmp_path):
    done, _, graph = prepared(encoder_like, tmp_path, scheme="S3")
    with RUNTIME.open(done, options(tmp_path)) as session:
        placed = {item.node: item for item in session.placement()}
    compute = [node.name for node in graph.nodes if node.macs and node.constant_inputs]
    assert compute
    assert {placed[name].precision for name in compute} == {"fp32"}
    assert {placed[name].reason for name in compute} == {"8-bit weights, float32 compute"}


def test_weight_only_leaves_activations_in_float(tmp_path):
    done, canonical, _ = prepared(encoder_like, tmp_path, scheme="S3")
    feeds = random_feeds(canonical, 2, seed=2)
    with RUNTIME.open(done, options(tmp_path)) as session:
        found = session.run(feeds)
    for name, expected in run_graph(onnx.load(done.artifact), feeds).items():
        assert np.abs(found[name] - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_damaged_artifact_is_a_model_error(tmp_path):
    (tmp_path / "garbage").write_bytes(b"garbage" * 50)
    with (
        pytest.raises(ModelError, match="garbage"),
        RUNTIME.open(Prepared(tmp_path / "garbage"), options(tmp_path)),
    ):
        pass
