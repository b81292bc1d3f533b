"""The chart of rates while a study measures."""

from __future__ import annotations

import numpy as np

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


def test_the_axis_is_as_long_as_the_plan_from_the_first_rate_on() -> None:
    first, later = (_figure(_rates(told=told)) for told in (0, 5))
    assert (first.x.low, first.x.high) == (later.x.low, later.x.high)
    assert first.x.low < -2
    assert first.x.high > 10
    assert _figure(_rates(told=14)).x.high > 14


def test_the_warm_up_is_shaded_and_rounds_are_where_they_are_planned() -> None:
    figure = _figure(_rates(told=0))
    (band,) = figure.bands
    assert (band.kind, band.high) == ("warm_up", 0.0)
    assert [(rule.at, rule.words) for rule in figure.rules] == [(2.0 * n, f"round {n + 1}") for n in range(5)]
    assert np.isnan(figure.lines[0].y).sum() == 0


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
