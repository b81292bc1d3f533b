from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from helpers.figures import bars, curve, curves, point, points
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.report.labels import Box
from workbench.ui.charts.export import clipped, head_height, to_csv, to_svg, wrapped
from workbench.ui.charts.figure import Figure
from workbench.ui.tokens import DARK, LIGHT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    "figure", [curves(curve(0, 20.0), curve(1, 60.0, dashed=True)), points(point(0, 1000, -0.2)), bars(10.0, None)]
)
def test_svg_is_well_formed_and_named(figure: Figure) -> None:
    root = ET.fromstring(to_svg(figure, 500, 280))
    assert root.attrib["aria-label"] == figure.summary
    texts = ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]
    assert figure.title in texts


def test_curves_stand_in_the_svg_and_floats_are_dashed() -> None:
    root = ET.fromstring(to_svg(curves(curve(0, 20.0), curve(1, 60.0, dashed=True)), 500, 280))
    paths = list(root.iter(f"{SVG}path"))
    assert len(paths) == 2
    assert "dasharray" not in paths[0].attrib["style"]
    assert "dasharray" in paths[1].attrib["style"]
    assert LIGHT.series[0] in paths[0].attrib["style"]


def test_gaps_break_the_path() -> None:
    line = curve(0, 20.0, count=6)
    line.y[3] = np.nan
    path = next(ET.fromstring(to_svg(curves(line), 500, 280)).iter(f"{SVG}path"))
    assert path.attrib["d"].count("M") == 2
    assert "nan" not in path.attrib["d"]


def test_a_long_curve_becomes_small() -> None:
    assert len(to_svg(curves(curve(0, 50.0, count=200_000)), 500, 280)) < 60_000


def test_the_theme_and_the_view_are_kept() -> None:
    figure = points(point(0, 1000, -0.2), point(1, 5000, -0.2))
    drawn = to_svg(figure, 500, 280, DARK, ((3.5, 4.0), (-2.0, 1.0)))
    assert DARK.surface in drawn
    assert "Runtime 1" in drawn
    assert "Runtime 0" not in drawn


def test_csv_holds_unrounded_numbers_under_headings_with_units() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(bars(1.0)))))
    assert rows == [["Run", "Rate (per s)"], ["A", "1000.5"], ["B", "2000.25"]]


@settings(deadline=None)
@given(*(st.floats(-50.0, 150.0) for _ in range(4)))
def test_clipped_lines_stay_in_the_box_and_on_the_line(x1: float, y1: float, x2: float, y2: float) -> None:
    box = Box(0, 0, 100, 100)
    found = clipped((x1, y1), (x2, y2), box)
    if found is None:
        middles = [(x1 + s * (x2 - x1), y1 + s * (y2 - y1)) for s in np.linspace(0, 1, 50)]
        assert not any(1e-6 < x < 100 - 1e-6 and 1e-6 < y < 100 - 1e-6 for x, y in middles)
        return
    for x, y in found:
        assert -1e-6 <= x <= 100 + 1e-6
        assert -1e-6 <= y <= 100 + 1e-6
        assert abs((x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)) < 1e-4


def test_a_line_to_nowhere_is_not_drawn() -> None:
    assert clipped((0.0, 0.0), (1.0, np.nan), Box(0, 0, 10, 10)) is None


def test_subtitles_are_broken_between_words() -> None:
    lines = wrapped("one two three four", 60, lambda text, _size, _weight: 8.0 * len(text))
    assert lines == ["one two", "three", "four"]
    assert head_height(lines) > head_height(lines[:1])
