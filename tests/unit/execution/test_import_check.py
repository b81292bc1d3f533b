"""Figures and refusals of the comparison between torch and ONNX Runtime."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ModelError
from workbench.execution.import_check import SQNR_FLOOR_DB, compare, in_call_order, report_line, under_names_of

ANSWERS = np.array([[1.0, 2.0], [4.0, 3.0]], np.float32)


def test_equal_outputs_have_no_figure_and_full_agreement() -> None:
    found = compare([([ANSWERS], [ANSWERS.copy()])], "m")
    assert (found.sqnr_db, found.agreement) == (None, 1.0)


@given(st.floats(1e-6, 9e-4))
def test_sqnr_is_the_ratio_of_squared_sums(relative: float) -> None:
    x = np.ones((2, 5))
    found = compare([([x], [x * (1 + relative)])], "m")
    assert found.sqnr_db == pytest.approx(-20 * math.log10(relative), abs=1e-6)


def test_the_worst_output_counts() -> None:
    pairs = [([ANSWERS, ANSWERS], [ANSWERS * (1 + 1e-6), ANSWERS * (1 + 1e-4)])]
    assert compare(pairs, "m").sqnr_db == pytest.approx(80.0, abs=0.1)


def test_a_departure_is_refused_with_both_figures() -> None:
    swapped = ANSWERS[:, ::-1]
    with pytest.raises(ModelError, match=rf"SQNR -?\d+\.\d dB, at least {SQNR_FLOOR_DB:.0f} dB is asked; 0\.0 % equal"):
        compare([([ANSWERS], [swapped])], "m")


def test_other_shapes_and_non_finite_values_are_refused() -> None:
    with pytest.raises(ModelError, match="other outputs"):
        compare([([ANSWERS], [ANSWERS[:1]])], "m")
    with pytest.raises(ModelError, match="not finite"):
        compare([([ANSWERS * np.inf], [ANSWERS])], "m")
    with pytest.raises(ModelError, match="SQNR nan"):
        compare([([ANSWERS], [ANSWERS * np.nan])], "m")


def test_scalars_have_no_answers() -> None:
    assert compare([([np.float32(2.0).reshape(())], [np.float32(2.0).reshape(())])], "m").agreement is None


def test_inputs_are_matched_by_name_or_by_being_the_only_one() -> None:
    left, right = np.zeros(1), np.ones(1)
    assert in_call_order({"b": right, "a": left}, ("a", "b"), "m") == [left, right]
    assert in_call_order({"pixels": right}, ("x",), "m") == [right]
    with pytest.raises(ModelError, match="it takes a, b; given are a, c"):
        in_call_order({"a": left, "c": right}, ("a", "b"), "m")


def test_inputs_get_the_onnx_files_names() -> None:
    left, right = np.zeros(1), np.ones(1)
    arrays = {"a": left, "b": right}
    assert under_names_of(arrays, ("b",), "m") == {"b": right}  # the exporter dropped an unused one
    assert under_names_of(arrays, ("x.1", "y"), "m") == {"x.1": left, "y": right}
    with pytest.raises(ModelError, match="called otherwise"):
        under_names_of(arrays, ("x.1",), "m")


def test_a_report_is_one_line_for_a_person() -> None:
    report = {"sqnr_db": 120.26, "agreement": 0.995, "kind": "factory", "torch_version": "2.13", "samples": 7}
    line = report_line(report)
    assert (
        line == "imported from factory with torch 2.13: SQNR 120.3 dB against torch, 99.5 % equal answers on 7 samples"
    )
    assert "equal to torch bit for bit on 7" in report_line({**report, "sqnr_db": None, "agreement": None})
