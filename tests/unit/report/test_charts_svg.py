"""The sheet's charts."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from helpers import results

from workbench.execution.result import Result
from workbench.report import charts_svg, svg
from workbench.report.sheet import build_sheet

SHEET = build_sheet(results.ordinary(), hosts=())


def texts(drawing: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(drawing).iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("name", ["ordinary", "long_names", "unlabelled", "without_gates"])
def test_charts_are_well_formed_and_described(name: str) -> None:
    found = charts_svg.charts(build_sheet(getattr(results, name)(), hosts=()), svg.LIGHT)
    assert [chart.key for chart in found] == ["scatter", "rates", "errors"]
    for chart in found:
        ElementTree.fromstring(chart.svg)
        assert "nan" not in chart.svg
        assert len(chart.alt) > len(chart.caption)


@pytest.mark.parametrize("name", ["all_null", "no_runtimes"])
def test_nothing_to_draw_draws_nothing(name: str) -> None:
    assert charts_svg.charts(build_sheet(getattr(results, name)(), hosts=()), svg.LIGHT) == []


def test_scatter_names_each_runtime_and_the_gate() -> None:
    chart = charts_svg.scatter(SHEET, svg.LIGHT)
    assert chart is not None
    assert {"ONNX Runtime", "OpenVINO", "FP32 reference", "gate: a drop of at most 1 point"} <= set(texts(chart.svg))
    assert "ONNX Runtime: −0.2 at 1,154 per s" in chart.alt


def test_scatter_shows_agreement_without_labels() -> None:
    chart = charts_svg.scatter(build_sheet(results.unlabelled(), hosts=()), svg.LIGHT)
    assert chart is not None
    assert "same answer as FP32, %" in texts(chart.svg)
    assert "FP32 reference" not in texts(chart.svg)


def test_figure_without_interval_is_not_drawn() -> None:
    document = results.ordinary_document()
    document["runs"][3]["throughput_per_s"]["interval"] = None
    chart = charts_svg.scatter(build_sheet(Result.model_validate(document), hosts=()), svg.LIGHT)
    assert chart is not None
    assert "ONNX Runtime" not in texts(chart.svg)


def test_rates_of_two_machines_share_no_axis() -> None:
    document = results.ordinary_document()
    document["runs"][4]["machine"] = "m2"
    assert charts_svg.rates(build_sheet(Result.model_validate(document), hosts=()), svg.LIGHT) is None


def test_reference_rows_are_not_drawn() -> None:
    chart = charts_svg.rates(SHEET, svg.LIGHT)
    assert chart is not None
    assert not any("simulated" in text or "reference" in text for text in texts(chart.svg))


def test_no_error_at_all_is_said() -> None:
    document = results.ordinary_document()
    document["runs"][3]["divergence"].update(platform_nmse=0.0, execution_nmse=None)
    chart = charts_svg.errors(build_sheet(Result.model_validate(document), hosts=()), svg.LIGHT)
    assert chart is not None
    assert {"0: identical", "not measured"} <= set(texts(chart.svg))


def test_css_palette_uses_variables_only() -> None:
    for chart in charts_svg.charts(SHEET, svg.CSS):
        assert "#" not in chart.svg


def test_series_are_distinct() -> None:
    series = charts_svg.series_of(SHEET)
    rows = [key for key in series if key[0] not in ("FP32 reference", "Simulated")]
    assert sorted(series[key] for key in rows) == list(range(len(rows)))
