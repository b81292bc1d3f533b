"""Figures of a run against the baseline's run, against plain numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.results import ordinary
from hypothesis import given
from hypothesis import strategies as st

from workbench.execution import baseline_figures as figures
from workbench.execution.evaluate import Judge, judge_of
from workbench.execution.result import DeviationRecord, PlacementRecord, Run, Throughput
from workbench.measure.divergence import IDENTICAL
from workbench.model.sample_index import SampleIndex

N = 40
Array = npt.NDArray[Any]


def _index(labels: list[int] | None, n: int = N) -> SampleIndex:
    names = tuple(f"x[{i}]" for i in range(n))
    hashes = tuple(f"{i:064x}" for i in range(n))
    return SampleIndex("arrays", names, tuple(range(n)), (1,), (1,), tuple(labels) if labels else None, (), hashes)


def _logits(seed: int, noise: float = 0.0, n: int = N) -> Array:
    base = np.random.default_rng(0).standard_normal((n, 6))
    return (base + noise * np.random.default_rng(seed).standard_normal((n, 6))).astype(np.float32)


def _judge(task: str = "classification", labels: list[int] | None = None, n: int = N) -> Judge:
    return judge_of(task, 0, {"logits": _logits(0, n=n)}, _index(labels, n))


def _timed(rates: list[float], label: str = "SUSTAINED", **fields: Any) -> Run:
    base = next(run for run in ordinary().runs if run.precision == "int8" and run.status == "ok")
    made = {"sustained": float(np.median(rates)), "interval": None, "first_5s": None, "peak": None, "label": label}
    rest = {"warm_up_s": 2, "warm_up_runs": 9, "answers_checked": 1, "answers_differing": 0, "label_reason": "a reason"}
    throughput = Throughput.model_validate({**made, **rest, "windows_per_s": rates})
    return base.model_copy(update={"throughput_per_s": throughput, **fields})


def test_answers_and_accuracy_are_those_of_plain_counting() -> None:
    then, now, reference = _logits(1, 0.4), _logits(2, 0.4), _logits(0)
    labels = [int(value) for value in reference.argmax(1)]
    found = figures.answer_figures(_judge(labels=labels), {"logits": then}, {"logits": now})
    was, is_now, truth = then.argmax(1), now.argmax(1), np.asarray(labels)
    changed = found["answers_changed"]
    assert changed.changed == int((was != is_now).sum()) > 0
    assert changed.right_to_wrong == int(((was == truth) & (is_now != truth)).sum())
    assert changed.wrong_to_right == int(((was != truth) & (is_now == truth)).sum())
    change = found["accuracy_change_points"]
    assert change.value == pytest.approx(100 * float((is_now == truth).mean() - (was == truth).mean()))
    assert [item["index"] for item in found["samples"]] == np.flatnonzero(was != is_now).tolist()
    first = found["samples"][0]
    row = first["index"]
    assert (first["answer_then"], first["answer"], first["label"]) == (was[row], is_now[row], truth[row])
    squares = ((then.astype(float) - now) ** 2).sum() / (then.astype(float) ** 2).sum()
    assert found["nmse"] == pytest.approx(squares)


def test_the_sqnr_change_is_the_difference_of_both_sqnrs() -> None:
    reference, then, now = _logits(0).astype(float), _logits(1, 0.1), _logits(2, 0.2)
    found, reason = figures.sqnr_change(_judge(), "logits", {"logits": then}, {"logits": now})
    assert found is not None
    before, after = (10 * math.log10((reference**2).sum() / ((reference - q) ** 2).sum()) for q in (then, now))
    assert (found.value, reason) == (pytest.approx(after - before), "")
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1] < 0


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.integers(1, 9))
def test_swapping_then_and_now_turns_the_sign(first: float, second: float, seed: int) -> None:
    then, now = {"logits": _logits(seed, first)}, {"logits": _logits(seed + 1, second)}
    judge = _judge()
    one, _ = figures.sqnr_change(judge, "logits", then, now)
    other, _ = figures.sqnr_change(judge, "logits", now, then)
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(-other.value)
    assert one.interval is not None
    assert other.interval is not None
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]), rel=0.25, abs=0.2)


def test_an_sqnr_change_without_a_value_says_why() -> None:
    exact, off, broken = _logits(0), _logits(1, 0.1), _logits(1, 0.1)
    broken[3, 2] = np.nan
    judge = _judge()
    assert figures.sqnr_change(judge, "logits", {"logits": off}, {"logits": exact}) == (None, IDENTICAL)
    assert "are not" in figures.sqnr_change(judge, "logits", {"logits": exact}, {"logits": off})[1]
    assert "NaN" in figures.sqnr_change(judge, "logits", {"logits": broken}, {"logits": off})[1]
    few = _judge(n=6)
    found, _ = figures.sqnr_change(few, "logits", {"logits": off[:6]}, {"logits": _logits(2, 0.2, 6)})
    assert found is not None
    assert found.interval is None


def test_equal_bits_move_nothing() -> None:
    labelled, bare = figures.same_figures(_judge(labels=[0] * N)), figures.same_figures(_judge())
    assert labelled["answers_changed"].right_to_wrong == 0
    assert labelled["accuracy_change_points"].value == 0
    assert bare["answers_changed"].right_to_wrong is None
    assert bare["accuracy_change_points"] is None
    assert figures.same_figures(_judge("divergence"))["answers_changed"] is None


def test_without_answers_the_samples_that_moved_most_are_named() -> None:
    then = _logits(0)
    now = then.copy()
    now[5] *= 3
    now[9] *= 1.5
    found = figures.changed_samples(_judge("divergence"), "logits", {"logits": then}, {"logits": now})
    assert [(item["file"], item["nmse"]) for item in found] == [
        ("x[5]", pytest.approx(4.0)),
        ("x[9]", pytest.approx(0.25)),
    ]
    now[11, 0] = np.inf
    first = figures.changed_samples(_judge("divergence"), "logits", {"logits": then}, {"logits": now})[0]
    assert (first["file"], first["nmse"]) == ("x[11]", None)


def test_the_speed_ratio_is_of_medians_and_only_between_like_runs() -> None:
    then, now = _timed([100.0, 101.0, 99.0] * 5), _timed([50.0, 51.0, 49.0] * 5)
    found = figures.speed_figures(then, now)
    ratio = found["speed_ratio"]
    assert (ratio.value, ratio.n, found["reasons"]) == (0.5, 15, {})
    assert ratio.interval[0] <= 0.5 <= ratio.interval[1]
    for other, words in (
        ({"machine": "another"}, "another machine"),
        ({"threads": 7}, "threads or batch differ"),
        ({"throughput_per_s": None}, "not timed in the baseline"),
    ):
        refused = figures.speed_figures(then.model_copy(update=other), now)
        assert "speed_ratio" not in refused
        assert words in refused["reasons"]["speed_ratio"]
    disturbed = figures.speed_figures(_timed([100.0] * 5, "DISTURBED"), now)
    assert disturbed["speed_ratio"].value == 0.5
    assert disturbed["reasons"] == {"speed_ratio": "then: a reason"}


def test_nodes_that_moved_are_told_in_order() -> None:
    def placed(node: str, precision: str) -> PlacementRecord:
        return PlacementRecord(node=node, op_type="Conv", device="CPU", precision=precision)

    base = _timed([1.0])
    then = base.model_copy(update={"placement": [placed("a", "int8"), placed("b", "int8"), placed("gone", "fp32")]})
    now = base.model_copy(update={"placement": [placed("b", "int8"), placed("a", "fp32"), placed("new", "int8")]})
    assert [(item.node, item.then, item.now) for item in figures.moved_nodes(then, now)] == [
        ("a", "CPU int8", "CPU fp32"),
        ("new", "", "CPU int8"),
        ("gone", "CPU fp32", ""),
    ]
    assert figures.moved_nodes(then, then) == []


def test_what_a_run_was_made_of_is_compared() -> None:
    now = _timed([1.0], versions={"onnxruntime": "1.31.1", "numpy": "2.4.6"})
    assert figures.run_differences(now, now) == []
    deviation = DeviationRecord(node=None, requested="a", realised="b", reason="c")
    then = now.model_copy(
        update={
            "label": "ort 1.30",
            "threads": 2,
            "versions": {"onnxruntime": "1.30.0", "numpy": "2.4.6"},
            "plan_sha256": "other",
            "deviations": [deviation],
            "machine": "another",
        }
    )
    assert figures.run_differences(then, now) == [
        f"label ort 1.30 -> {now.label}",
        "threads 2 -> 1",
        "onnxruntime 1.30.0 -> 1.31.1",
        "the plan",
        "what was realised",
        "the machine",
    ]
