"""The chart of rates while a study measures."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.ui.charts.figure import Figure
from workbench.ui.charts.live import live_figure
from workbench.ui.live_rates import LiveCell, LiveRates, Told


def _rates(warm: int = 2, told: int = 5, seconds: float = 10.0, rounds: int = 5) -> LiveRates:
    cells = [
        LiveCell("a", "ORT INT8", 0, False),
        LiveCell("b", "ORT FP32", 0, True),
        LiveCell("c", "OV INT8", 1, False),
    ]
    for number, cell in enumerate(cells[:2]):
        cell.warm_up = [Told(float(at), 1.0, 900.0, None) for at in range(warm)]
        cell.blocks = [Told(float(at), 1.0, 1000.0 - 100 * number + at, at // 2) for at in range(told)]
    rates = LiveRates()
    rates.begin(cells, seconds, rounds)
    return rates


def _figure(rates: LiveRates) -> Figure:
    found = live_figure(rates)
    assert found is not None
    return found


def test_nothing_told_is_no_chart() -> None:
    assert live_figure(_rates(0, 0)) is None


def test_each_rate_is_a_point_at_the_middle_of_its_second() -> None:
    figure = _figure(_rates())
    assert [line.name for line in figure.lines] == ["ORT INT8", "ORT FP32"]
    line = figure.lines[0]
    assert line.x.tolist() == [-1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.5, 4.5]
    assert np.isnan(line.y).tolist() == [False, False, True, *[False] * 5]
    assert [line.dashed for line in figure.lines] == [False, True]
    assert [line.series for line in figure.lines] == [0, 0]
    assert line.read(3) == "1,000 per s"


@pytest.mark.parametrize(("told", "end"), [(0, 1.0), (1, 1.0), (4, 4.0), (5, 5.0), (14, 14.0)])
def test_the_axis_grows_by_tenths_of_the_plan(told: int, end: float) -> None:
    figure = _figure(_rates(told=told))
    assert figure.x.low < -2
    assert end < figure.x.high < end + 1


def test_a_long_plan_leaves_room_for_a_tenth_of_it() -> None:
    assert 60 < _figure(_rates(told=5, seconds=600)).x.high < 63
    assert 60 < _figure(_rates(told=60, seconds=600)).x.high < 63
    assert 120 < _figure(_rates(told=61, seconds=600)).x.high < 123


def test_the_warm_up_is_shaded_and_rounds_are_where_they_are_planned() -> None:
    figure = _figure(_rates(told=5))
    (band,) = figure.bands
    assert (band.kind, band.high) == ("warm_up", 0.0)
    assert [(rule.at, rule.words) for rule in figure.rules] == [(2.0 * n, f"round {n + 1}") for n in range(3)]
    assert np.isnan(_figure(_rates(told=0)).lines[0].y).sum() == 0


def test_words_and_table_tell_the_same() -> None:
    figure = _figure(_rates())
    assert "ORT INT8: 1,004 samples per second in the round 3" in figure.summary
    assert figure.subtitle.endswith("Dashed: float.")
    table = figure.table()
    assert [row[1] for row in table.values[:7]] == ["warm-up", "warm-up", "1", "1", "2", "2", "3"]
    assert [row[2] for row in table.values[:3]] == [-1.5, -0.5, 0.5]
    assert table.texts[2] == ("ORT INT8", "1", "0.50", "1,000")


def test_ten_minutes_of_eight_cells_have_no_markers_on_every_point() -> None:
    assert _figure(_rates()).lines[0].dots
    assert not _figure(_rates(told=600, seconds=600, rounds=10)).lines[0].dots
