"""Verdicts on the interval, and the sentences that go with them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import StudyError
from workbench.measure.divergence import IDENTICAL
from workbench.measure.gates import GATES, find_gate, judge

LIMITS = {
    "max_accuracy_drop_points": 1.0,
    "min_top1_agreement": 0.9,
    "min_sqnr_db": 20.0,
    "max_answers_changed": 30.0,
    "min_speedup": 2.0,
    "max_latency_ms_p90": 5.0,
    "max_latency_ms_p99": 8.0,
    "min_throughput_per_s": 100.0,
    "min_int8_mac_share": 0.99,
    "max_artifact_bytes": 1e6,
    "max_baseline_accuracy_drop_points": 1.0,
    "max_baseline_answers_changed": 30.0,
    "max_baseline_sqnr_drop_db": 0.5,
    "min_baseline_speed_ratio": 0.9,
}


def good_side(name: str, distance: float) -> float:
    """The value at `distance` on the good side of the limit (negative: on the bad side), from the gate's name alone."""
    if "_drop_" in name:
        return -LIMITS[name] + distance
    return LIMITS[name] + distance if name.startswith("min_") else LIMITS[name] - distance


def test_the_list_of_gates_is_this_one() -> None:
    assert set(GATES) == set(LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_every_gate_knows_its_good_side(name: str) -> None:
    good, bad = good_side(name, 0.05), good_side(name, -0.05)
    both = (min(good, bad), max(good, bad))
    better = good_side(name, 0.09)
    assert judge(name, LIMITS[name], good, (min(good, better), max(good, better)), 50).verdict == "PASS"
    assert judge(name, LIMITS[name], bad, (min(bad, good_side(name, -0.09)),) * 2, 50).verdict == "FAIL"
    assert judge(name, LIMITS[name], good, both, 50).verdict == "CANNOT TELL"
    assert judge(name, LIMITS[name], bad, both, 50).verdict == "CANNOT TELL"
    assert judge(name, LIMITS[name], None, reason="timed out").verdict == "CANNOT TELL"


@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_itself_passes(name: str) -> None:
    on_limit = good_side(name, 0.0)
    assert judge(name, LIMITS[name], on_limit).verdict == "PASS"


@given(st.sampled_from(sorted(LIMITS)), st.floats(-3, 3), st.floats(0, 3), st.floats(0, 3), st.integers(1, 10**5))
def test_verdicts_follow_the_interval(name: str, distance: float, left: float, right: float, n: int) -> None:
    value = good_side(name, distance)
    interval = (value - left, value + right)
    judged = judge(name, LIMITS[name], value, interval, n)
    limit = good_side(name, 0.0)
    inside = interval[0] < limit < interval[1]
    if judged.verdict == "CANNOT TELL":
        assert interval[0] <= limit <= interval[1]
        assert judged.needs_n is None or judged.needs_n > n
    else:
        assert not inside
        assert judged.needs_n is None
        more_is_better = good_side(name, 1.0) > limit
        assert (judged.verdict == "PASS") == (value >= limit if more_is_better else value <= limit)


def test_needed_samples_decide_when_the_width_shrinks_as_expected() -> None:
    judged = judge("max_accuracy_drop_points", 1.0, -0.8, (-1.2, -0.4), 1000)
    assert judged.needs_n in (4000, 4001)
    shrink = math.sqrt(1000 / (judged.needs_n + 1))
    again = judge("max_accuracy_drop_points", 1.0, -0.8, (-0.8 - 0.4 * shrink, -0.8 + 0.4 * shrink), judged.needs_n)
    assert again.verdict == "PASS"


def test_sentences() -> None:
    passed = judge("max_accuracy_drop_points", 1.0, -0.2, (-0.6, 0.2), 2000)
    assert passed.text == "-0.2 [-0.6, +0.2] points, a drop of at most 1 point allowed"
    undecided = judge("max_accuracy_drop_points", 1.0, -0.9, (-1.6, -0.25), 2000)
    assert undecided.text.startswith("-0.9 [-1.6, -0.25] points, a drop of at most 1 point allowed: needs about 98,0")
    assert undecided.text.endswith(" samples, has 2,000")
    plain = judge("max_artifact_bytes", 1_000_000, 2_000_000)
    assert plain.text == ("2,000,000 bytes, at most 1,000,000 bytes asked (judged on the value, it has no interval)")
    speed = judge("min_speedup", 2.0, 2.1, (1.85, 2.35), 5)
    assert speed.text == "2.1 [1.85, 2.35]x, at least 2x asked: needs about 32 1-s windows, has 5"
    share = judge("min_top1_agreement", 0.95, 0.98, (0.9497, 0.9922), 200)
    assert share.text.startswith("98 [94.97, 99.22] %, at least 95 % asked: needs about ")


def test_on_the_limit_no_number_of_samples_decides() -> None:
    judged = judge("min_speedup", 2.0, 2.0, (1.9, 2.1), 5)
    assert (judged.verdict, judged.needs_n) == ("CANNOT TELL", None)
    assert "no number of 1-s windows decides" in judged.text
    assert judge("min_speedup", 2.0, 2.05, (1.9, 2.1)).text.endswith("the limit lies inside the interval")


def test_no_figure_says_why() -> None:
    assert judge("max_latency_ms_p99", 5.0, None, reason="300 runs, P99 needs 662").text == (
        "no figure: 300 runs, P99 needs 662"
    )
    assert judge("max_latency_ms_p99", 5.0, None).text == "no figure: not measured"


def test_a_figure_not_to_be_trusted_is_not_judged() -> None:
    judged = judge("min_throughput_per_s", 100.0, 500.0, (490.0, 510.0), 60, reason="other processes took 40%")
    assert judged.verdict == "CANNOT TELL"
    assert judged.text == "500 [490, 510] per s, at least 100 per s asked: other processes took 40%"


def test_identical_outputs_pass_the_sqnr_gates_only() -> None:
    assert judge("min_sqnr_db", 30.0, None, reason=IDENTICAL).verdict == "PASS"
    assert judge("max_baseline_sqnr_drop_db", 0.5, None, reason=IDENTICAL).text == (
        "identical outputs, a drop of at most 0.5 dB allowed"
    )
    assert judge("min_sqnr_db", 30.0, None, reason="not finite: 2 values").verdict == "CANNOT TELL"
    assert judge("min_top1_agreement", 0.9, None, reason=IDENTICAL).verdict == "CANNOT TELL"


def test_unknown_gate_names_the_nearest() -> None:
    with pytest.raises(StudyError, match='Did you mean "min_top1_agreement"') as caught:
        find_gate("min_top1_agrement")
    assert "max_accuracy_drop_points" in str(caught.value)
    with pytest.raises(StudyError, match="unknown gate"):
        judge("zzz", 1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "limit", "text"),
    [
        ("min_top1_agreement", 99.0, "a number from 0 to 1"),
        ("max_answers_changed", 0.01, "a whole number of 0 or more"),
        ("max_accuracy_drop_points", -1.0, "a number from 0 to 100"),
        ("min_sqnr_db", math.nan, "Give a number."),
        ("min_speedup", math.inf, "a number of 0 or more"),
    ],
)
def test_senseless_limits_are_refused(name: str, limit: float, text: str) -> None:
    with pytest.raises(StudyError, match=text):
        find_gate(name, limit)


def test_a_figure_and_its_interval_are_rounded_alike() -> None:
    judged = judge("min_top1_agreement", 0.95, 0.8, (0.652387, 0.895), 40)
    assert judged.text == "80 [65.2, 89.5] %, at least 95 % asked"
    open_ended = judge("min_sqnr_db", 20.0, 22.123456, (21.987654, math.inf), 40)
    assert open_ended.text == "22.12 [21.99, inf] dB, at least 20 dB asked"


@pytest.mark.parametrize("name", LIMITS)
def test_a_gate_is_what_its_name_says(name: str) -> None:
    gate = GATES[name]
    assert gate.name == name
    assert gate.direction == name[:3]
    assert gate.negated == ("_drop_" in name)
    assert gate.against_baseline == ("_baseline_" in name)
    assert gate.whole == (name.endswith(("_changed", "_bytes")))
    assert gate.share == (name in ("min_top1_agreement", "min_int8_mac_share"))


def test_needed_samples_are_counted_from_the_end_that_lies_beyond_the_limit() -> None:
    good = judge("min_speedup", 2.0, 2.1, (1.9, 3.1), 10)
    bad = judge("min_speedup", 2.0, 1.9, (0.9, 2.1), 10)
    assert (good.needs_n, bad.needs_n) == (40, 40)


@pytest.mark.parametrize(("name", "limit"), [("min_top1_agreement", 0.0), ("min_top1_agreement", 1.0)])
def test_the_ends_of_a_range_are_limits_too(name: str, limit: float) -> None:
    assert find_gate(name, limit).name == name
