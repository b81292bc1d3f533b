from __future__ import annotations

import pytest
from PySide6.QtGui import QImage, QPainter

from workbench.report.labels import Box
from workbench.ui.charts.paint import make_colour, measure, paint
from workbench.ui.charts.shapes import Fill, Mark, Shape, Stroke, Words
from workbench.ui.theme import Theme
from workbench.ui.tokens import LIGHT


def _painted(*shapes: Shape) -> QImage:
    image = QImage(60, 40, QImage.Format.Format_RGB32)
    image.fill(make_colour("#FFFFFF"))
    painter = QPainter(image)
    paint(painter, shapes, LIGHT)
    painter.end()
    return image


def test_widths_grow_with_text_and_figures_are_as_wide_as_each_other(theme: Theme) -> None:
    assert measure("mm", 12, 400) == pytest.approx(2 * measure("m", 12, 400), rel=0.05)
    assert measure("111", 12, 400) == measure("000", 12, 400)


def test_a_fill_has_the_colour_of_its_token(theme: Theme) -> None:
    image = _painted(Fill(Box(0, 0, 60, 40), "accent"))
    assert image.pixelColor(30, 20).name().upper() == LIGHT.accent


def test_straight_lines_are_sharp(theme: Theme) -> None:
    image = _painted(Stroke(0, 20, 60, 20, "text"))
    rows = [image.pixelColor(30, y).name().upper() for y in range(40)]
    assert [y for y, name in enumerate(rows) if name != "#FFFFFF"] in ([19], [20])


@pytest.mark.parametrize("series", range(6))
def test_every_marker_is_filled_with_its_colour(theme: Theme, series: int) -> None:
    image = _painted(Mark(30, 20, series, 8))
    assert image.pixelColor(30, 20).name().upper() == LIGHT.series[series]


def test_markers_differ_in_shape_not_in_colour_only(theme: Theme) -> None:
    outlines = set()
    for series in range(6):
        image = _painted(Mark(30, 20, series, 8))
        inside = tuple(
            image.pixelColor(x, y).name().upper() == LIGHT.series[series] for x in range(60) for y in range(40)
        )
        outlines.add(inside)
    assert len(outlines) == 6


@pytest.mark.parametrize(("anchor", "side"), [("start", 1), ("end", -1)])
def test_words_stand_on_the_side_of_their_anchor(theme: Theme, anchor: str, side: int) -> None:
    image = _painted(Words(30, 25, "mm", "text", anchor=anchor))
    dark = [x for x in range(60) for y in range(40) if image.pixelColor(x, y).name().upper() != "#FFFFFF"]
    assert dark
    assert all((x - 30) * side >= -2 for x in dark)
