"""Results as pandas frames."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from helpers import results

from workbench.report.frames import csv_of, runs_frame, verdicts_frame


def test_one_row_per_run_with_intervals() -> None:
    frame = runs_frame(results.ordinary())
    row = frame[(frame.label == results.ORT) & (frame.precision == "int8")].iloc[0]
    assert len(frame) == len(results.ordinary().runs)
    assert (row.accuracy_change_points, row.accuracy_change_points_low) == (-0.2, -0.6)
    assert (row.rate_per_s, row.rate_label, row.parity_checked) == (1154.0, "SUSTAINED", 113)
    assert row.sqnr_db_low < row.sqnr_db < row.sqnr_db_high
    assert row.nmse_low < row.nmse < row.nmse_high
    assert row.latency_p99_ms_low < row.latency_p99_ms < row.latency_p99_ms_high
    assert str(frame.dtypes["peak_rss_bytes"]) == "Int64"


@pytest.mark.parametrize("name", ["all_null", "no_runtimes", "unlabelled", "long_names"])
def test_odd_results_keep_columns_and_kinds(name: str) -> None:
    frame = runs_frame(getattr(results, name)())
    assert list(frame.columns) == list(runs_frame(results.ordinary()).columns)
    assert str(frame.dtypes["nmse"]) == "float64"


def test_verdicts() -> None:
    frame = verdicts_frame(results.ordinary())
    assert list(frame.verdict) == ["PASS", "CANNOT TELL"]
    assert frame.needs_n.iloc[1] == 4861
    assert len(verdicts_frame(results.no_runtimes())) == 0


def test_csv_keeps_figures_and_defuses_formulas() -> None:
    result = results.ordinary()
    result = result.model_copy(update={"study_name": "=1+1"})
    back = pd.read_csv(io.StringIO(csv_of([runs_frame(result), runs_frame(results.ordinary())])))
    assert len(back) == 2 * len(result.runs)
    assert back.study.iloc[0] == "'=1+1"
    frame = runs_frame(result)
    np.testing.assert_array_equal(back.sqnr_db.to_numpy()[: len(frame)], frame.sqnr_db.to_numpy())
    assert list(back.columns) == list(frame.columns)


def test_pandas_is_not_loaded_by_the_import() -> None:
    modules = "workbench.report.frames, workbench.report.render"
    line = f"import sys, {modules}; print([m for m in ('pandas', 'typst') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
