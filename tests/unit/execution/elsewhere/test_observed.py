"""What a runner observed becomes a cell like those measured here: answers, clocks, kernels, versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.elsewhere import Trip

from workbench.execution.coverage import int8_mac_share, placement_records
from workbench.execution.elsewhere.observed import (
    OTHER_FILE,
    differing_versions,
    findings_of,
    machine_of,
    placements,
    states_of,
)
from workbench.execution.elsewhere.records import KernelFacts
from workbench.execution.elsewhere.returned import Arrived, unpack_returned
from workbench.execution.elsewhere.stored import StoredStudy, open_stored
from workbench.execution.load_result import load_result
from workbench.execution.study import RuntimeSection
from workbench.measure.latency import Block, WarmUp, summarise
from workbench.model.graph import GraphSummary, NodeSummary

ROW = {"ONNX Runtime CPU": RuntimeSection(id="ort_cpu", name="ORT (there)")}
CONV, GEMM = NodeSummary("conv", "Conv", ("x",), ("y",), macs=30), NodeSummary("fc", "Gemm", ("y",), ("z",), macs=10)
RELU = NodeSummary("relu", "Relu", ("y",), ("y2",))
GRAPH = GraphSummary((CONV, RELU, GEMM), (), ())


def opened(trip: Trip, place: Path) -> tuple[Arrived, StoredStudy]:
    stored = open_stored(trip.folder, load_result(trip.folder / "result.json"))
    return unpack_returned(trip.result, place, trip.folder), stored


def test_answers_and_clocks_are_those_in_the_arrays(trip: Trip, tmp_path: Path) -> None:
    arrived, stored = opened(trip, tmp_path / "in")
    first, int8 = states_of(arrived, stored, "m2", ROW)
    assert (int8.status, int8.machine, int8.cell.name) == ("ok", "m2", ("ORT (there)", "S1", "int8"))
    assert int8.outputs is not None
    assert int8.speed is not None
    np.testing.assert_array_equal(int8.outputs["logits"], np.load(tmp_path / "in/cells/1/outputs/0.npy"))
    told = arrived.returned.cells[1]
    blocks = [
        Block(block.start_ns, np.load(tmp_path / f"in/cells/1/block_{k}.npy"), block.wall_ns)
        for k, block in enumerate(told.blocks)
    ]
    assert told.warm_up is not None
    warm = WarmUp(told.warm_up.seconds, told.warm_up.runs, np.load(tmp_path / "in/cells/1/warm_up.npy"), True)
    assert int8.speed.summary.sustained == summarise(blocks, warm, 1, 0.4).sustained
    assert first.cell.row is int8.cell.row
    assert first.plan is None
    assert int8.plan is not None
    assert first.speed is not None
    assert first.speed.session == int8.speed.session


def test_int8_coverage_comes_from_the_kernels_that_ran(trip: Trip, tmp_path: Path) -> None:
    arrived, stored = opened(trip, tmp_path / "in")
    fp32, int8 = states_of(arrived, stored, "m2", ROW)
    model = stored.model_of(int8.cell.candidate)
    shares = [
        int8_mac_share(placement_records((s.record or {})["placement"], model.graph, ()), model.graph)
        for s in (fp32, int8)
    ]
    assert shares == [0.0, 1.0]


@pytest.mark.parametrize(
    ("kernels", "share"),
    [
        ([("conv", "int8"), ("fc", "fp32")], 0.75),
        ([("conv_nchwc", "int8"), ("fc/WithoutBiases", "int8")], 1.0),
        ([("conv,relu", "int8")], 0.75),
        ([("something else", "int8")], None),
        ([], None),
    ],
)
def test_kernels_are_matched_by_name_and_what_is_not_told_is_unknown(
    kernels: list[tuple[str, str]], share: float | None
) -> None:
    told = [KernelFacts(nodes=names.split(","), op_type="K", device="CPU", precision=kind) for names, kind in kernels]
    found = placements(told, GRAPH)
    assert {"conv", "fc"} <= {item.node for item in found}
    records = placement_records([vars(item) for item in found], GRAPH, ())
    assert int8_mac_share(records, GRAPH) == share


CONVS = GraphSummary(
    (
        NodeSummary("a", "Conv", ("x",), ("y",), macs=30),
        NodeSummary("b", "Conv", ("y",), ("z",), macs=10),
        NodeSummary("fc", "Gemm", ("z",), ("u",), macs=10),
    ),
    (),
    (),
)


@pytest.mark.parametrize(
    ("kernels", "expected"),
    [
        (["QLinearConv", "QLinearConv", "QGemm"], {"a": "int8", "b": "int8", "fc": "int8"}),
        (["QLinearConv", "FusedConv", "QGemm"], {"a": "unknown", "b": "unknown", "fc": "int8"}),
        (["QLinearConv", "QGemm"], {"a": "unknown", "b": "unknown", "fc": "int8"}),
        (["Conv", "FusedConv", "Relu"], {"a": "fp32", "b": "fp32", "fc": "unknown"}),
    ],
)
def test_kernels_that_lost_their_names_are_paired_only_where_nothing_is_guessed(
    kernels: list[str], expected: dict[str, str]
) -> None:
    told = [
        KernelFacts(nodes=[f"{op}_token_{k}"], op_type=op, device="CPU", precision="int8" if op[0] == "Q" else "fp32")
        for k, op in enumerate(kernels)
    ]
    found = {item.node: item.precision for item in placements(told, CONVS) if item.node}
    assert found == expected


def test_a_model_that_failed_there_says_why(trip: Trip, tmp_path: Path) -> None:
    arrived, stored = opened(trip, tmp_path / "in")
    failed = arrived.returned.cells[1].model_copy(update={"status": "failed", "message": "Fail: no such op"})
    cells = [arrived.returned.cells[0], failed]
    changed = Arrived(
        arrived.folder, arrived.job, arrived.job_sha256, arrived.returned.model_copy(update={"cells": cells})
    )
    _, int8 = states_of(changed, stored, "m2", ROW)
    assert int8.status == "failed"
    assert int8.problem is not None
    assert int8.problem.message == "Fail: no such op"


def test_versions_are_told_where_they_differ(trip: Trip, tmp_path: Path) -> None:
    arrived, _ = opened(trip, tmp_path / "in")
    here = next(iter(arrived.job.versions.values()))
    assert differing_versions(arrived.job, arrived.returned.versions) == ""
    words = differing_versions(arrived.job, {**arrived.returned.versions, "onnxruntime": "1.19.2"})
    assert words == f"other versions than where it was lowered: onnxruntime {here} here, 1.19.2 there"


def test_a_machine_that_was_not_watched_says_so(trip: Trip, tmp_path: Path) -> None:
    arrived, _ = opened(trip, tmp_path / "in")
    told = arrived.returned.cells[1]
    assert findings_of(arrived, told) == []
    unwatched = told.model_copy(update={"blocks": [told.blocks[0].model_copy(update={"load": None})]})
    assert findings_of(arrived, unwatched) == ["what else kept that machine busy while it was timed is not known"]


def test_the_same_machine_is_the_same_group(trip: Trip, tmp_path: Path) -> None:
    arrived, stored = opened(trip, tmp_path / "in")
    assert machine_of(arrived) == stored.result.machines[0].id


def test_models_opened_by_another_file_than_was_bundled_are_told(trip: Trip, tmp_path: Path) -> None:
    arrived, _ = opened(trip, tmp_path / "in")
    assert findings_of(arrived, arrived.returned.cells[0]) == []
    for sha256, told in (("0" * 64, [OTHER_FILE]), (None, [])):
        returned = arrived.returned.model_copy(update={"elsewhere_sha256": sha256})
        assert findings_of(replace(arrived, returned=returned), returned.cells[0]) == told
