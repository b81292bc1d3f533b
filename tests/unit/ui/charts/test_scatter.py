from __future__ import annotations

import pytest
from helpers import results
from helpers.speed_folders import six_runtimes

from workbench.execution.result import Result
from workbench.report.sheet import build_sheet
from workbench.ui.charts.scatter import scatter_figure, why_no_scatter


def test_points_are_the_measured_int8_runs_with_both_intervals() -> None:
    figure = scatter_figure(build_sheet(results.ordinary()))
    assert figure is not None
    assert [(p.label, p.series, p.x, p.y) for p in figure.points] == [
        ("ONNX Runtime", 0, 1154.0, -0.2), ("OpenVINO", 1, 1821.0, -0.9),
    ]  # fmt: skip
    assert figure.points[1].y_pair == (-1.6, -0.2)
    assert figure.x.log


def test_zero_line_and_gate_band() -> None:
    figure = scatter_figure(build_sheet(results.ordinary()))
    assert figure is not None
    zero, gate = figure.rules
    assert (zero.at, zero.words, zero.dashed) == (0.0, "FP32 reference", True)
    assert (gate.at, gate.words) == (-1.0, "gate: a drop of at most 1 point")
    (band,) = figure.bands
    assert (band.low, band.high, band.kind) == (-1.0, figure.y.high, "gate")


def test_without_gates_there_is_no_band() -> None:
    figure = scatter_figure(build_sheet(results.without_gates()))
    assert figure is not None
    assert figure.bands == ()
    assert [rule.words for rule in figure.rules] == ["FP32 reference"]


def test_without_labels_agreement_stands_in() -> None:
    figure = scatter_figure(build_sheet(results.unlabelled()))
    assert figure is not None
    assert figure.y.title == "same answer as FP32, %"
    assert figure.points[0].y == pytest.approx(82.9)
    assert figure.rules == ()


def test_everything_lies_inside_the_first_view() -> None:
    figure = scatter_figure(build_sheet(six_runtimes()))
    assert figure is not None
    for point in figure.points:
        assert figure.x.low < point.x_pair[0] <= point.x_pair[1] < figure.x.high
        assert figure.y.low < point.y_pair[0] <= point.y_pair[1] < figure.y.high


def test_texts_come_with_interval_and_unit() -> None:
    figure = scatter_figure(build_sheet(results.ordinary()))
    assert figure is not None
    assert figure.points[0].read.startswith("\N{MINUS SIGN}0.2 [\N{MINUS SIGN}0.6, +0.2] points, 1,154 [")
    assert figure.points[0].read in figure.summary
    table = figure.table()
    assert table.texts[0][:4] == ("ONNX Runtime INT8", "\N{MINUS SIGN}0.20", "\N{MINUS SIGN}0.60", "+0.20")
    assert table.values[0][1:4] == (-0.2, -0.6, 0.2)


def test_figures_without_an_interval_are_not_drawn() -> None:
    sheet = build_sheet(six_runtimes(interval=None))
    assert scatter_figure(sheet) is None
    assert why_no_scatter(sheet) == "No speed with an interval was measured, so accuracy cannot be set against it."


@pytest.mark.parametrize(("name", "word"), [("no_runtimes", "No runtime was measured"), ("all_null", "No speed")])
def test_what_is_missing_is_said(name: str, word: str) -> None:
    sheet = build_sheet(getattr(results, name)())
    assert scatter_figure(sheet) is None
    assert why_no_scatter(sheet).startswith(word)


def test_candidates_are_told_apart() -> None:
    figure = scatter_figure(build_sheet(results.two_candidates()))
    assert figure is not None
    assert len({p.label for p in figure.points}) == len(figure.points) == 3


def test_machines_are_told_apart() -> None:
    document = results.ordinary_document()
    document["machines"].append({**document["machines"][0], "id": "m2"})
    document["runs"] += [{**run, "machine": "m2"} for run in document["runs"] if run["precision"] == "int8"]
    figure = scatter_figure(build_sheet(Result.model_validate(document)))
    assert figure is not None
    assert [p.label for p in figure.points][0::2] == [
        "ONNX Runtime \N{MIDDLE DOT} m1", "ONNX Runtime \N{MIDDLE DOT} m2",
    ]  # fmt: skip
