"""A study against its baseline in words."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.execution.baseline_record import (
    BaselineComparison,
    ComparedRun,
    EarlierStudy,
    NodeMove,
    PlanMove,
    ScaleMove,
)
from workbench.execution.result import AnswersChanged, Estimate
from workbench.report.baseline import SAME, baseline_text, moved_words, plan_sentence, row_title, sample_words

EARLIER = EarlierStudy(name="accepted", study_sha256="0" * 64, created_utc="2026-11-27T03:00:09Z", program_version="1")
SAMPLES = [{"index": i, "file": f"{i}.png", "answer_then": 3, "answer": 5, "label": 3} for i in range(5)]


def _run(**fields: Any) -> ComparedRun:
    base = {"runtime": "ort_cpu", "label": "ort", "candidate": "S1", "precision": "int8", "status": "ok", "n": 200}
    return ComparedRun.model_validate({**base, **fields})


def _moved() -> ComparedRun:
    return _run(
        identical=False,
        answers_changed=AnswersChanged(changed=5, right_to_wrong=3, wrong_to_right=1, wrong_to_other=1),
        accuracy_change_points=Estimate(value=-1.0, interval=(-3.5, 1.4), n=200),
        sqnr_change_db=Estimate(value=-0.52, interval=(-0.8, -0.3), n=200),
        speed_ratio=Estimate(value=1.02, interval=(0.95, 1.1), n=5),
        differs=["onnxruntime 1.30.0 -> 1.31.1"],
        samples=SAMPLES,
        nodes=[NodeMove(node=f"n{i}", op_type="Conv", then="CPU int8", now="") for i in range(4)],
        nodes_moved=60,
    )


def test_one_row_tells_what_moved_what_was_other_and_which_samples() -> None:
    comparison = BaselineComparison(
        baseline=EARLIER, differs=["the calibration set"], runs=[_moved()], gone=["x S1 fp32"]
    )
    text = baseline_text(comparison, 160)
    assert text.splitlines()[0] == (
        "Against the baseline accepted of 2026-11-27 03:00 UTC: what differs: the calibration set."
    )
    assert "5 of 200 answers changed (3 right to wrong, 1 wrong to right, 1 wrong to other)" in text
    assert "accuracy −1.0 [−3.5, +1.4] points, SQNR −0.5 [−0.8, −0.3] dB, 1.0× [0.9, 1.1] the speed then" in " ".join(
        text.split()
    )
    assert "other than then: onnxruntime 1.30.0 -> 1.31.1." in text
    assert "0.png: 3 -> 5 (label 3); 1.png" in text
    assert "2 more in baseline.json" in text
    assert "60 nodes moved: n0 CPU int8 -> absent, n1 CPU int8 -> absent, n2 CPU int8 -> absent and 57 more." in text
    assert text.endswith("In the baseline alone: x S1 fp32.")


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_longer_than_asked(width: int) -> None:
    comparison = BaselineComparison(baseline=EARLIER, runs=[_moved(), _run(label="x" * 100)])
    assert max(map(len, baseline_text(comparison, width).splitlines())) <= width


def test_equal_bits_are_one_clause() -> None:
    same = _run(identical=True, answers_changed=AnswersChanged(changed=0))
    assert moved_words(same) == SAME
    disturbed = _run(
        identical=True,
        speed_ratio=Estimate(value=0.5, interval=(0.4, 0.6), n=5),
        reasons={"speed_ratio": "now: other processes"},
    )
    assert moved_words(disturbed) == f"{SAME}, 0.5× [0.4, 0.6] the speed then (not to be trusted, now: other processes)"


def test_what_could_not_be_compared_says_why() -> None:
    assert moved_words(_run(reasons={"baseline": "the baseline has no such run"})) == (
        "nothing could be compared: the baseline has no such run"
    )
    other = moved_words(_run(identical=False, reasons={"baseline": "its answers are not kept in the baseline"}))
    assert other.startswith("its answers are not those of the baseline, and nothing")


def test_a_figure_without_interval_is_not_shown() -> None:
    found = _run(identical=False, sqnr_change_db=Estimate(value=-9.0), speed_ratio=Estimate(value=9.0), n=5)
    assert "9" not in moved_words(found)


def test_samples_without_answers_tell_how_far_they_moved() -> None:
    samples = [{"index": 0, "file": "a[0]", "nmse": 0.25}, {"index": 1, "file": "a[1]", "nmse": None}]
    assert sample_words(_run(samples=samples)) == ["a[0]: NMSE 0.250", "a[1]: NMSE not finite"]


def test_a_plan_is_one_sentence_and_candidates_are_told_apart() -> None:
    move = PlanMove(
        candidate="S1",
        tensors=7,
        tensors_changed=2,
        weights=3,
        weights_changed=0,
        scales=[ScaleMove(tensor="relu", then=0.1, now=0.25)],
        now_float=["a", "b", "c", "d"],
    )
    assert plan_sentence(move) == (
        "Plan of S1: 2 of 7 tensors and 0 of 3 weights have other numbers; scales that changed most: relu 2.50×; "
        "now float: a, b, c and 1 more."
    )
    one = BaselineComparison(baseline=EARLIER, runs=[_run()])
    two = BaselineComparison(baseline=EARLIER, runs=[_run(), _run(candidate="S2")])
    assert row_title(one.runs[0], one) == "ort int8"
    assert "S1" in row_title(two.runs[0], two)
