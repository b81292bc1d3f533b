from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from helpers.figures import curve, curves
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.ui.charts.figure import Axis, colour_of, shape_of


@settings(deadline=None)
@given(st.floats(1e-9, 1e9), st.booleans())
def test_an_axis_goes_to_its_units_and_back(value: float, log: bool) -> None:
    axis = Axis("x", 1.0, 2.0, log=log)
    assert axis.value(axis.unit(value)) == pytest.approx(value, rel=1e-9)
    assert axis.units(np.array([value]))[0] == pytest.approx(axis.unit(value))


def test_thirty_six_series_are_told_apart_and_the_first_six_as_on_the_sheet() -> None:
    assert len({(shape_of(i), colour_of(i)) for i in range(36)}) == 36
    assert [shape_of(i) for i in range(6)] == list(range(6))


def test_the_nearest_point_of_a_curve_is_read() -> None:
    line = curve(0, 50.0, count=11)
    assert line.index_at(3.4) == 3
    assert line.index_at(3.6) == 4
    assert line.index_at(10.5) == 10
    assert line.index_at(40.0) is None


def test_a_cumulative_curve_is_read_at_the_point_before() -> None:
    line = curve(0, 50.0, count=11, steps=True)
    assert line.index_at(3.9) == 3


def test_an_empty_curve_reads_nothing() -> None:
    assert curve(0, 50.0, count=0).index_at(1.0) is None


def test_the_first_view_is_in_linear_units() -> None:
    figure = curves(curve(0, 50.0))
    assert figure.view == ((0.0, 10.0), (0.0, 100.0))


def test_figures_are_made_without_the_chart_library() -> None:
    code = (
        "import sys, workbench.ui.charts.scatter, workbench.ui.charts.bars, workbench.ui.charts.throughput, "
        "workbench.ui.charts.latency, workbench.ui.charts.export; "
        "print('pyqtgraph' in sys.modules, 'PySide6' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
