"""The sheet's charts."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from helpers import results

from workbench.execution.result import Result
from workbench.report import charts_svg, svg
from workbench.report.labels import Box, text_width
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


def test_names_in_the_scatter_leave_the_interval_bars_free() -> None:
    """Wide speed intervals run level through the marker, where a name would like to stand."""
    document = results.ordinary_document()
    measured = [run for run in document["runs"] if run["precision"] == "int8" and run["status"] == "ok"]
    for run, change in zip(measured, (-0.2, -0.05), strict=True):
        run["throughput_per_s"].update(sustained=1200.0 + 1000 * change, interval=(600.0, 2300.0))
        run["accuracy_change_points"].update(value=change, interval=(change - 0.6, change + 0.6))
    chart = charts_svg.scatter(build_sheet(Result.model_validate(document), hosts=()), svg.LIGHT)
    assert chart is not None
    drawing = list(ElementTree.fromstring(chart.svg).iter())
    names = [node for node in drawing if node.tag.endswith("}text") and "font-weight:600" in node.get("style", "")]
    boxes = [
        (node.text, Box(float(node.get("x", 0)), float(node.get("y", 0)) - 12, text_width(node.text or "", 12.5), 16))
        for node in names
    ]
    lines = [node for node in drawing if node.tag.endswith("}line") and _is_in_a_series_colour(node)]
    bars = [
        Box(min(x1, x2) - 0.5, min(y1, y2) - 0.5, abs(x2 - x1) + 1, abs(y2 - y1) + 1)
        for node in lines
        for x1, x2, y1, y2 in [[float(node.get(key, 0)) for key in ("x1", "x2", "y1", "y2")]]
    ]
    assert len(boxes) == 2
    assert len(bars) >= 4
    assert [name for name, box in boxes for bar in bars if box.overlap(bar)] == []


def _is_in_a_series_colour(node: ElementTree.Element) -> bool:
    return any(f"stroke:{colour};" in node.get("style", "") for colour in svg.LIGHT.series)
