"""The context that `prepare` gets: the plan as Q/DQ files, its simulation, the graph, progress and cancel."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.onnx_models import random_feeds
from helpers.plans import run_graph
from helpers.workers import write_files

from workbench.errors import ContractError, JobCancelledError
from workbench.execution.context import WorkerContext
from workbench.execution.worker import Channel
from workbench.files import sha256_of_file
from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.plan import load_plan
from workbench.quant.qdq import write_qdq


@pytest.fixture
def context(tmp_path: Path) -> WorkerContext:
    files = write_files(tmp_path / "files")
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    channel = Channel(io.StringIO(), work_dir)
    return WorkerContext(work_dir, "int8", "x64", {"a": 1}, load_plan(files.plan), files.canonical, channel)


def test_one_file_per_dialect_with_the_same_bytes_each_time(context: WorkerContext) -> None:
    first = context.qdq_model(SIMULATED)
    before = sha256_of_file(first)
    other = context.qdq_model(Dialect(activation="uint8"))
    assert first.parent == other.parent == context.work_dir
    assert first != other
    assert sha256_of_file(context.qdq_model(SIMULATED)) == before
    assert sha256_of_file(other) != before
    onnx.checker.check_model(str(first))


def test_simulated_outputs_are_those_of_the_unoptimized_graph(context: WorkerContext) -> None:
    canonical = onnx.load(context.canonical)
    feeds = random_feeds(canonical, 2, seed=3)
    assert context.plan is not None
    expected = run_graph(write_qdq(canonical, context.plan, SIMULATED), feeds)
    found = context.simulated_outputs(feeds)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_the_graph_is_the_canonical_one(context: WorkerContext) -> None:
    assert [node.name for node in context.graph.nodes] == [
        node.name for node in onnx.load(context.canonical).graph.node
    ]
    assert context.graph is context.graph


def test_without_a_plan_there_is_no_qdq_graph(context: WorkerContext) -> None:
    plain = WorkerContext(context.work_dir, "fp32", "x64", {}, None, context.canonical, context.channel)
    with pytest.raises(ContractError, match="fp32 has no plan"):
        plain.qdq_model(SIMULATED)
    with pytest.raises(ContractError, match="fp32 has no plan"):
        plain.simulated_outputs({})


def test_progress_and_cancel_reach_the_channel(context: WorkerContext) -> None:
    context.progress(3, 3, "done")
    stream = context.channel._out
    assert isinstance(stream, io.StringIO)
    assert json.loads(stream.getvalue()) == {"event": "progress", "done": 3, "total": 3, "text": "done"}
    context.check_cancelled()
    context.channel.take({"command": "cancel"})
    with pytest.raises(JobCancelledError):
        context.check_cancelled()


def test_declared_tensors_are_those_of_the_dialect(context: WorkerContext) -> None:
    assert context.declared_tensors(SIMULATED) == {}
    declared = context.declared_tensors(Dialect("uint8", full_range_relu=True))
    assert declared
    assert {value.clamp for value in declared.values()} == {(0, 255)}
    assert context.qdq_model(Dialect("uint8", full_range_relu=True)) != context.qdq_model(Dialect("uint8"))


def test_a_float_model_is_copied_into_the_work_folder(context: WorkerContext) -> None:
    copy = context.copy_model(context.canonical)
    assert copy.parent == context.work_dir
    assert copy.read_bytes() == context.canonical.read_bytes()
