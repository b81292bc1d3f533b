from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.results import ordinary
from helpers.speed_folders import six_runtimes, write_cells

from workbench.execution.result import Result
from workbench.ui.charts.figure import Figure
from workbench.ui.charts.samples import read_samples, timed_runs
from workbench.ui.charts.throughput import throughput_figure


def _figure(result: Result, folder: Path | None = None) -> Figure:
    found = throughput_figure([read_samples(run, result, folder) for run in timed_runs(result)])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cells(tmp_path_factory.mktemp("study"), ordinary(), rounds=3, round_s=2.0)


def test_every_window_is_a_point_and_rounds_are_parted(folder: Path) -> None:
    figure = _figure(ordinary(), folder)
    assert [line.name for line in figure.lines] == [
        "ONNX Runtime INT8", "ONNX Runtime FP32", "OpenVINO INT8", "OpenVINO FP32",
    ]  # fmt: skip
    line = figure.lines[0]
    assert np.isnan(line.y).sum() == 3
    assert np.isfinite(line.y).sum() == 2 + 3 * 2
    assert np.all(np.diff(line.x) > 0)


def test_floats_are_dashed_in_the_colour_of_their_row(folder: Path) -> None:
    lines = _figure(ordinary(), folder).lines
    assert [line.dashed for line in lines] == [False, True, False, True]
    assert [line.series for line in lines] == [0, 0, 1, 1]


def test_the_warm_up_is_shaded_and_rounds_are_named(folder: Path) -> None:
    figure = _figure(ordinary(), folder)
    (band,) = figure.bands
    assert (band.kind, band.high) == ("warm_up", 0.0)
    assert band.low < -1.5
    assert [rule.words for rule in figure.rules] == ["round 1", "round 2", "round 3"]
    assert [rule.at for rule in figure.rules] == pytest.approx([0.0, 2.0, 4.0], abs=0.2)


def test_without_raw_samples_it_says_so() -> None:
    figure = _figure(ordinary())
    assert "raw samples are not beside" in figure.subtitle
    assert figure.bands == ()
    assert figure.rules == ()


def test_rates_far_apart_get_a_log_axis() -> None:
    assert not _figure(ordinary()).y.log
    figure = _figure(six_runtimes())
    assert figure.y.log
    assert "(log)" in figure.y.title


def test_the_axis_starts_at_zero_where_it_is_linear() -> None:
    assert _figure(ordinary()).y.low == 0.0


def test_the_readout_has_units() -> None:
    line = _figure(ordinary()).lines[0]
    assert line.read(0) == "1,154 per s"


def test_the_table_holds_all_windows_with_their_round(folder: Path) -> None:
    table = _figure(ordinary(), folder).table()
    assert table.columns == ("Run", "Round", "Time (s)", "Rate (samples/s)")
    mine = [row for row in table.values if row[0] == "ONNX Runtime INT8"]
    assert [row[1] for row in mine] == ["warm-up"] * 2 + ["1"] * 2 + ["2"] * 2 + ["3"] * 2
    assert len(table.texts) == len(table.values)
    assert all(isinstance(cell, str) for row in table.texts for cell in row)


def test_no_windows_no_chart() -> None:
    result = six_runtimes(windows_per_s=[])
    assert throughput_figure([read_samples(run, result, None) for run in timed_runs(result)]) is None


def test_a_single_window_makes_a_chart() -> None:
    figure = _figure(six_runtimes(windows_per_s=[1000.0]))
    assert figure.x.low < figure.x.high
    assert "1 window between" in figure.summary
