"""The small SVG writer."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.report import resources, svg
from workbench.report.labels import Box
from workbench.ui.tokens import contrast

NAMES = tuple(f"n{index}" for index in range(6))


def test_scale_is_linear_or_logarithmic() -> None:
    assert svg.Scale(0, 10, 100, 200)(5) == 150
    assert svg.Scale(1, 100, 100, 200, log=True)(10) == pytest.approx(150)


@given(st.floats(1e-14, 1e6), st.floats(1.05, 1e9))
def test_log_ticks_lie_inside_and_are_few(low: float, factor: float) -> None:
    high = low * factor
    ticks = svg.log_ticks(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low * (1 - 1e-6) <= tick <= high * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(set(ticks))


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e4))
def test_linear_ticks_lie_inside_and_are_few(low: float, span: float) -> None:
    ticks = svg.linear_ticks(low, low + span)
    assert 2 <= len(ticks) <= 12
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) + 1e-9 for tick in ticks)


@pytest.mark.parametrize("ground", [svg.LIGHT.surface, svg.LIGHT.band])
def test_words_in_the_colours_of_series_can_be_read(ground: str) -> None:
    words = (*svg.LIGHT.names, svg.LIGHT.muted, svg.LIGHT.text)
    assert min(contrast(colour, ground) for colour in words) >= 4.5
    assert len(set(svg.LIGHT.names)) == len(svg.LIGHT.series)


@pytest.mark.parametrize("part", [0, 1], ids=["light", "dark"])
def test_the_web_page_says_the_same_colours_and_all_can_be_read(part: int) -> None:
    text = resources.template("sheet.html.j2")
    table = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", text.split(":root {")[part + 1].partition("}")[0]))
    for ground in ("surface", "band"):
        assert min(contrast(table[name], table[ground]) for name in ("text", "muted", *NAMES)) >= 4.5
    if part == 0:
        assert tuple(table[name].upper() for name in NAMES) == svg.LIGHT.names


def test_names_are_escaped() -> None:
    drawing = svg.document(10, 10, [svg.text(0, 0, '<b> & "c"', "#000")], 'a "title" <x>')
    root = ElementTree.fromstring(drawing)
    assert root.attrib["aria-label"] == 'a "title" <x>'
    assert "<b>" in "".join(root.itertext())


@pytest.mark.parametrize("shape", range(8))
def test_each_marker_is_one_shape(shape: int) -> None:
    drawing = svg.document(10, 10, [svg.marker(5, 5, shape, "#000", "#fff")], "m")
    assert len(ElementTree.fromstring(drawing)) == 2


def test_first_six_markers_differ() -> None:
    assert len({svg.marker(5, 5, shape, "#000", "#fff") for shape in range(6)}) == 6


def test_shapes_are_well_formed() -> None:
    parts = [
        svg.line(0, 0, 1, 1, "red", 1, "2 2"),
        svg.rect(0, 0, -1, 2, "red"),
        svg.outline(Box(0, 0, 3, 3), "red", "1"),
    ]
    root = ElementTree.fromstring(svg.document(10, 10, parts, "t"))
    assert root[2].attrib["width"] == "0"
