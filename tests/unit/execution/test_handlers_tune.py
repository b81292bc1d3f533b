"""The search in a worker, called as a worker calls it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net

from workbench.errors import JobCancelledError
from workbench.execution.bundle import bundle_json
from workbench.execution.handlers_tune import HANDLERS
from workbench.execution.worker import Channel
from workbench.model.canonical import canonical_graph
from workbench.model.data import DataSpec, scan
from workbench.model.load import save_proto
from workbench.model.preprocess import Preprocess
from workbench.model.summary import graph_summary
from workbench.quant.scheme import Scheme

NODES = ["conv1_node", "conv2_node", "logits_node"]


def _arguments(folder: Path, **changes: Any) -> dict[str, Any]:
    proto = conv_relu_net()
    studies.write_samples(folder / "x.npz", proto, 12)
    spec = DataSpec("arrays", folder / "x.npz")
    (folder / "index.json").write_text(json.dumps(scan(spec).to_json()))
    canonical = canonical_graph(proto)[0]
    save_proto(canonical, folder / "canonical.onnx")
    graph = graph_summary(canonical)
    return {
        "canonical": str(folder / "canonical.onnx"),
        "model_sha256": "0" * 64,
        "scheme": Scheme("S1").to_json(),
        "calibration": bundle_json(spec, folder / "index.json", Preprocess(), graph.inputs),
        "outputs": [spec.name for spec in graph.outputs],
        "nodes": NODES,
        "samples": 4,
        "most_float_nodes": 2,
        "measured": str(folder / "measured.json"),
        "budget_s": None,
        **changes,
    }


def _search(arguments: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    out = io.StringIO()
    found = HANDLERS["search_float_nodes"](None, arguments, Channel(out, Path()))
    return found, [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_search_measures_every_node_and_returns_the_best_set_of_each_size(tmp_path: Path) -> None:
    found, events = _search(_arguments(tmp_path))
    assert found["complete"]
    assert found["n"] == 4
    assert sorted(found["singles"]) == NODES
    assert min(found["singles"].values()) < found["all_int8"]
    assert [len(nodes) for nodes in found["path"]] == [1, 2]
    assert {(event["event"], event["text"]) for event in events} == {("progress", "measurements")}
    again, events = _search(_arguments(tmp_path))
    assert again == found
    assert not events


def test_without_time_nothing_is_measured_and_with_more_it_goes_on(tmp_path: Path) -> None:
    found, _ = _search(_arguments(tmp_path, budget_s=0.0))
    assert found == {"n": 4, "all_int8": None, "singles": {}, "path": [], "complete": False}
    found, _ = _search(_arguments(tmp_path))
    assert found["complete"]


def test_a_search_stops_when_asked(tmp_path: Path) -> None:
    channel = Channel(io.StringIO(), tmp_path)
    channel.take({"command": "cancel"})
    with pytest.raises(JobCancelledError):
        HANDLERS["search_float_nodes"](None, _arguments(tmp_path), channel)
