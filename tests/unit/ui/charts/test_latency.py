from __future__ import annotations

import numpy as np
import pytest
from helpers.results import ordinary
from helpers.speed_folders import write_cells

from workbench.measure.latency import percentiles_ms
from workbench.ui.charts.latency import drawn_ranks, latency_figure
from workbench.ui.charts.samples import CellSamples, read_samples, timed_runs


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[CellSamples]:
    result = ordinary()
    folder = write_cells(tmp_path_factory.mktemp("study"), result, rounds=2, round_s=1.0)
    return [read_samples(run, result, folder) for run in timed_runs(result)]


def test_curves_rise_to_all_runs(cells: list[CellSamples]) -> None:
    figure = latency_figure(cells)
    assert figure is not None
    for line in figure.lines:
        assert line.y[-1] == 100.0
        assert np.all(np.diff(line.y) > 0)
        assert np.all(np.diff(line.x) >= 0)


def test_the_axis_is_logarithmic_and_says_what_lies_beyond_it(cells: list[CellSamples]) -> None:
    figure = latency_figure(cells)
    assert figure is not None
    assert figure.x.log
    assert "(log)" in figure.x.title
    assert min(cell.latencies_ms[0] for cell in cells) > figure.x.low
    assert "beyond the right edge" in figure.subtitle


def test_percentiles_are_those_of_the_measure_room(cells: list[CellSamples]) -> None:
    figure = latency_figure(cells)
    assert figure is not None
    expected, _ = percentiles_ms((cells[0].latencies_ms * 1e6).round().astype(np.int64))
    row = figure.table().values[0]
    assert row[3] == pytest.approx(expected["p50"])
    assert row[4] == pytest.approx(expected["p90"])


def test_percentiles_below_their_floor_are_not_told(cells: list[CellSamples]) -> None:
    short = CellSamples(**{**vars(cells[0]), "latencies_ms": cells[0].latencies_ms[:40]})
    figure = latency_figure([short])
    assert figure is not None
    row = figure.table()
    assert row.values[0][4] is None
    assert row.texts[0][4] == "too few runs"
    assert "P90" not in figure.summary


def test_the_readout_gives_share_and_latency(cells: list[CellSamples]) -> None:
    figure = latency_figure(cells)
    assert figure is not None
    line = figure.lines[0]
    index = line.index_at(float(np.median(cells[0].latencies_ms)))
    assert index is not None
    assert line.read(index).startswith("50.")
    assert line.read(index).endswith(" ms")


def test_percentile_lines_stand_beside_the_chart(cells: list[CellSamples]) -> None:
    figure = latency_figure(cells)
    assert figure is not None
    assert [(rule.words, rule.at, rule.beside) for rule in figure.rules] == [
        ("P50", 50.0, True), ("P90", 90.0, True), ("P99", 99.0, True),
    ]  # fmt: skip


def test_without_raw_samples_there_is_no_chart() -> None:
    result = ordinary()
    assert latency_figure([read_samples(run, result, None) for run in timed_runs(result)]) is None


def test_equal_latencies_make_a_chart(cells: list[CellSamples]) -> None:
    same = CellSamples(**{**vars(cells[0]), "latencies_ms": np.full(100, 2.0)})
    figure = latency_figure([same])
    assert figure is not None
    assert figure.x.low < 2.0 < figure.x.high


def test_of_many_runs_the_slowest_are_all_drawn() -> None:
    ranks = drawn_ranks(1_000_000)
    assert ranks.size == 8000
    assert ranks[0] == 0
    assert np.array_equal(ranks[-2000:], np.arange(998_000, 1_000_000))
    assert np.all(np.diff(ranks) > 0)
    assert np.array_equal(drawn_ranks(500), np.arange(500))
