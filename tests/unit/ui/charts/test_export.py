from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from helpers.figures import bars, curve, curves, point, points

from workbench.ui.charts.export import to_csv, to_svg
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
