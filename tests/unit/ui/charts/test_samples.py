from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.results import ordinary, two_candidates
from helpers.speed_folders import six_runtimes, write_cells

from workbench.execution.result import Result
from workbench.execution.store import Store
from workbench.report.charts_svg import series_of
from workbench.report.sheet import build_sheet
from workbench.ui.charts.samples import read_samples, run_name, series_numbers, timed_runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cells(tmp_path_factory.mktemp("study"), ordinary(), rounds=3, round_s=2.0)


@pytest.mark.parametrize("result", [ordinary(), two_candidates(), six_runtimes()])
def test_colours_are_those_of_the_sheet(result: Result) -> None:
    on_sheet = series_of(build_sheet(result))
    mine = series_numbers(result)
    assert mine == {row: on_sheet[row] for row in mine}


def test_rows_stay_together_and_int8_comes_first() -> None:
    found = [(run.label, run.precision) for run in timed_runs(ordinary())]
    assert found == [("ONNX Runtime", "int8"), ("ONNX Runtime", "fp32"), ("OpenVINO", "int8"), ("OpenVINO", "fp32")]


def test_the_candidate_stands_in_the_name_where_there_are_several() -> None:
    result = two_candidates()
    names = [run_name(run, result) for run in timed_runs(result)]
    assert len(set(names)) == len(names)
    assert "ONNX Runtime \N{MIDDLE DOT} student INT8" in names


def test_rounds_follow_each_other_and_the_warm_up_ends_at_zero(folder: Path) -> None:
    result = ordinary()
    cell = read_samples(timed_runs(result)[0], result, folder)
    assert len(cell.rounds) == 3
    assert cell.ends_s == pytest.approx((2.0, 4.0, 6.0), rel=0.05)
    times = np.concatenate([times for times, _ in cell.rounds])
    assert np.all(np.diff(times) > 0)
    assert cell.warm_up is not None
    assert np.all(cell.warm_up[0] < 0)
    assert cell.warm_up[0][-1] > -1.5
    rates = np.concatenate([rates for _, rates in cell.rounds])
    assert rates == pytest.approx(1154.0, rel=0.1)


def test_rates_count_samples_not_batches(folder: Path) -> None:
    document = ordinary().model_dump(mode="json")
    for run in document["runs"]:
        run["batch"] = 4
    result = Result.model_validate(document)
    cell = read_samples(timed_runs(result)[0], result, folder)
    assert cell.rounds[0][1] == pytest.approx(4 * 1154.0, rel=0.1)


def test_latencies_are_sorted_ms(folder: Path) -> None:
    result = ordinary()
    cell = read_samples(timed_runs(result)[0], result, folder)
    assert np.all(np.diff(cell.latencies_ms) >= 0)
    assert np.median(cell.latencies_ms) == pytest.approx(1000 / 1154.0, rel=0.02)


def test_without_a_folder_only_the_windows_of_the_result_are_there() -> None:
    result = ordinary()
    cell = read_samples(timed_runs(result)[0], result, None)
    assert cell.warm_up is None
    assert len(cell.rounds) == 1
    assert cell.rounds[0][1].size == 58
    assert cell.latencies_ms.size == 0


@pytest.mark.parametrize("damage", ["latencies.npz", "stage.json"])
def test_damaged_samples_are_as_good_as_absent(tmp_path: Path, damage: str) -> None:
    result = ordinary()
    run = timed_runs(result)[0]
    write_cells(tmp_path, result, rounds=1)
    cell = Store(tmp_path).folder("cells", run.label, run.candidate, run.precision)
    (cell / damage).write_bytes(b"PK\x03\x04 torn")
    assert read_samples(run, result, tmp_path).latencies_ms.size == 0


def test_a_run_without_windows_is_empty() -> None:
    result = six_runtimes(windows_per_s=[])
    assert read_samples(timed_runs(result)[0], result, None).rounds == ()
