"""Disagreement of a sheet's rows in words."""

from __future__ import annotations

from helpers.results import OPENVINO, ORT, all_null, ordinary, two_candidates

from workbench.report.pairs import disagreement_lines
from workbench.report.sheet import build_sheet


def test_each_pair_is_named_with_its_count() -> None:
    assert disagreement_lines(build_sheet(ordinary())) == [f"{ORT} and {OPENVINO} disagree on 31 of 2,000."]


def test_several_candidates_are_told_apart() -> None:
    assert disagreement_lines(build_sheet(two_candidates())) == [
        f"{ORT} · model and {OPENVINO} · model disagree on 31 of 2,000."
    ]


def test_nothing_compared_says_nothing() -> None:
    assert disagreement_lines(build_sheet(all_null())) == []
