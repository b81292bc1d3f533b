"""Where the error comes from, in words: the largest distance is named, nothing is added up."""

from __future__ import annotations

import pytest
from helpers.results import OPENVINO, ORT, all_null, ordinary, two_candidates

from workbench.execution.result import Divergence, Result
from workbench.report.sheet import build_sheet
from workbench.report.split import splits


def _with(divergence: Divergence) -> Result:
    result = ordinary()
    runs = [run.model_copy(update={"divergence": divergence} if run.precision == "int8" else {}) for run in result.runs]
    return result.model_copy(update={"runs": runs})


def test_measured_int8_rows_speak_and_only_they() -> None:
    assert [split.name for split in splits(build_sheet(ordinary()))] == [ORT, OPENVINO]
    assert splits(build_sheet(all_null())) == []


def test_candidates_are_told_apart() -> None:
    assert f"{ORT} · student" in [split.name for split in splits(build_sheet(two_candidates()))]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((0.02, 1e-5, 1e-14), "Mostly the scheme"),
        ((0.001, 0.02, 1e-6), "Mostly execution"),
        ((0.001, 0.0, 0.4), "Mostly the platform"),
        ((0.02, 0.015, 0.0), "The scheme and execution alike: scheme 2.0e−02, execution 1.5e−02, platform none."),
        ((0.0, 0.0, 0.0), "No error beyond rounding."),
        ((0.02, 1e-5, 1e-14), "platform negligible."),
    ],
)
def test_the_largest_part_is_named(parts: tuple[float, float, float], words: str) -> None:
    scheme, execution, platform = parts
    divergence = Divergence(scheme_nmse=scheme, execution_nmse=execution, platform_nmse=platform, total_nmse=1.0)
    assert words in splits(build_sheet(_with(divergence)))[0].text


def test_a_single_distance_is_enough() -> None:
    text = splits(build_sheet(_with(Divergence(scheme_nmse=0.02))))[0].text
    assert text.endswith("scheme 2.0e−02.")
