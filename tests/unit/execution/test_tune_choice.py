"""How points are judged and chosen, over figures written down here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import StudyError
from workbench.execution.result import Estimate
from workbench.execution.tune_choice import best_point, check_target, choose, judged
from workbench.execution.tune_record import FigureWithInterval, Point, TargetKey


def _figures(**changes: Any) -> dict[str, Any]:
    return {
        "sqnr_db": FigureWithInterval(value=20.0, interval=(19.0, 21.0)),
        "agreement": FigureWithInterval(value=0.9, interval=(0.85, 0.94)),
        "accuracy": None,
        "accuracy_change_points": Estimate(value=-1.0, interval=(-3.0, 1.0), n=200),
        "n": 200,
        **changes,
    }


def _point(floats: int, meets: bool | None, db: float | None = 20.0) -> Point:
    return Point(
        float_nodes=[f"n{index}" for index in range(floats)],
        int8_mac_share=1.0,
        plan_sha256="0" * 64,
        sqnr_db=FigureWithInterval(value=db),
        n=200,
        meets_target=meets,
        why="as judged",
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"sqnr_db": 19.0}, True),
        ({"sqnr_db": 20.0}, None),
        ({"sqnr_db": 21.5}, False),
        ({"agreement": 0.85}, True),
        ({"agreement": 0.95}, False),
        ({"max_drop_points": 3.0}, True),
        ({"max_drop_points": 1.0}, None),
        ({"sqnr_db": 19.0, "agreement": 0.95}, False),
        ({"sqnr_db": 19.0, "max_drop_points": 1.0}, None),
        ({"sqnr_db": 20.0, "agreement": 0.95}, False),
        ({}, None),
    ],
)
def test_a_target_is_judged_on_the_interval_and_all_must_be_met(
    target: Mapping[TargetKey, float], expected: bool | None
) -> None:
    meets, why = judged(target, _figures())
    assert meets is expected
    assert why.count(";") == max(0, len(target) - 1)


def test_identical_outputs_meet_every_sqnr_and_a_missing_figure_cannot_be_told() -> None:
    assert judged({"sqnr_db": 90.0}, _figures(sqnr_db=FigureWithInterval(value=None)))[0] is True
    assert judged({"agreement": 0.5}, _figures(agreement=None))[0] is None


def test_the_fewest_float_nodes_that_certainly_meet_the_target_are_chosen() -> None:
    points = [_point(0, False), _point(1, None), _point(2, True), _point(3, True)]
    assert choose(points, {"sqnr_db": 1.0}, True) == (2, "the fewest float nodes of 4 points that meet the target")
    assert choose([_point(0, True)], {"sqnr_db": 1.0}, False)[0] == 0


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=6), st.booleans())
def test_a_choice_is_the_first_that_meets_and_none_says_why(verdicts: list[bool | None], is_complete: bool) -> None:
    points = [_point(index, meets) for index, meets in enumerate(verdicts)]
    chosen, why = choose(points, {"sqnr_db": 1.0}, is_complete)
    assert chosen == (verdicts.index(True) if True in verdicts else None)
    if chosen is None:
        assert ("cannot be told" in why) == (None in verdicts)
        assert "the best point leaves 0 in float: as judged" in why
        assert ("within the time given" in why) == (None not in verdicts and not is_complete)
    assert choose(points, {}, is_complete)[0] is None


def test_the_best_point_has_the_most_sqnr_and_identical_is_more_than_any() -> None:
    assert best_point([_point(0, False, 20.0), _point(1, False, 22.0), _point(2, False, 21.0)]) == 1
    assert best_point([_point(0, False, 20.0), _point(1, False, None)]) == 1


@pytest.mark.parametrize(
    ("target", "task", "message"),
    [
        ({"agreement": 1.5}, "classification", r"--agreement 1\.5 is not a target.*Give a number from 0 to 1"),
        ({"agreement": -0.1}, "classification", "--agreement -0.1 is not a target"),
        ({"max_drop_points": 101.0}, "classification", "--max-drop-points 101 is not a target"),
        ({"sqnr_db": float("nan")}, "divergence", "--sqnr-db nan is not a target"),
        ({"agreement": 0.9}, "divergence", "--agreement needs answers to compare: the task is divergence"),
    ],
)
def test_a_target_that_makes_no_sense_is_a_mistake(target: Mapping[TargetKey, float], task: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        check_target(target, task)
    check_target({"sqnr_db": 23.0}, task)
