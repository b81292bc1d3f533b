"""Gates judged on runs: which figure, on which interval, and what is said where nothing can be told."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.results import small_run

from workbench.execution import result as records
from workbench.execution.baseline_record import BaselineComparison, ComparedRun, EarlierStudy
from workbench.execution.verdicts import NO_BASELINE, baseline_verdicts, kept_baseline_verdicts, verdicts_of
from workbench.measure.divergence import IDENTICAL


def _change(value: float, low: float, high: float, n: int = 1000) -> records.Estimate:
    return records.Estimate(value=value, interval=(low, high), n=n)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (_change(-0.2, -0.6, 0.2), "PASS"),
        (_change(-3.0, -4.0, -2.0), "FAIL"),
        (_change(-0.9, -1.6, -0.2), "CANNOT TELL"),
        (None, "CANNOT TELL"),
    ],
)
def test_a_gate_is_judged_on_the_interval(change: records.Estimate | None, verdict: str) -> None:
    (found,) = verdicts_of([small_run(accuracy_change_points=change)], {"max_accuracy_drop_points": 1.0})
    assert found.verdict == verdict
    assert found.interval == (change.interval if change else None)
    assert (found.needs_n is not None) == (verdict == "CANNOT TELL" and change is not None)


def test_gates_look_at_int8_runs_and_say_why_they_cannot_tell() -> None:
    problem = records.Problem(message="it died")
    runs = [small_run(precision="fp32"), small_run(status="crashed", problem=problem), small_run(label="untimed")]
    runs[2] = runs[2].model_copy(update={"reasons": {"throughput_per_s": "the study measures no speed"}})
    crashed, untimed = verdicts_of(runs, {"min_speedup": 1.5})
    assert (crashed.verdict, untimed.verdict) == ("CANNOT TELL", "CANNOT TELL")
    assert "it died" in crashed.text
    assert "measures no speed" in untimed.text


@pytest.mark.parametrize(
    ("right", "limit", "verdict"), [(0.0, 1.0, "CANNOT TELL"), (0.009, 1.0, "CANNOT TELL"), (0.02, 1.0, "PASS"),
     (0.06, 100.0, "PASS"), (0.04, 100.0, "CANNOT TELL")],
)  # fmt: skip
def test_where_fp32_is_never_right_no_drop_is_no_pass(right: float, limit: float, verdict: str) -> None:
    accuracy = records.Accuracy(metric="top1", value=right, interval=(0.0, 0.1))
    run = small_run(accuracy=accuracy, accuracy_change_points=_change(0.0, -0.2, 0.2, 4000))
    (found,) = verdicts_of([run], {"max_accuracy_drop_points": limit})
    assert found.verdict == verdict
    assert ("there is no more to lose" in found.text) == (verdict == "CANNOT TELL")


_P90 = records.Latency(p50=1, p90=1.5, p99=None, n=100, p90_interval=(1.4, 1.8))


@pytest.mark.parametrize(
    ("gate", "limit", "fields", "verdict"),
    [
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "n": 10}, "PASS"),
        ("min_sqnr_db", 30.0, {"sqnr_db": 25.0, "n": 10}, "FAIL"),
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "sqnr_db_interval": (24.0, 26.0), "n": 10}, "PASS"),
        ("min_sqnr_db", 24.5, {"sqnr_db": 25.0, "sqnr_db_interval": (24.0, 26.0), "n": 10}, "CANNOT TELL"),
        ("min_sqnr_db", 27.0, {"sqnr_db": 25.0, "sqnr_db_interval": (24.0, 26.0), "n": 10}, "FAIL"),
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "nmse_interval": (0.0, 0.005), "n": 10}, "PASS"),
        ("min_sqnr_db", 24.0, {"sqnr_db": 25.0, "nmse_interval": (0.0, 0.005), "n": 10}, "CANNOT TELL"),
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "reasons": {"sqnr_db_interval": "8 samples"}}, "CANNOT TELL"),
        ("max_latency_ms_p90", 2.0, {"latency_ms": _P90}, "PASS"),
        ("max_latency_ms_p90", 1.6, {"latency_ms": _P90}, "CANNOT TELL"),
        ("max_latency_ms_p90", 1.3, {"latency_ms": _P90}, "FAIL"),
        ("max_answers_changed", 3, {"answers_changed": records.AnswersChanged(changed=4), "n": 10}, "FAIL"),
        ("min_int8_mac_share", 0.9, {"int8_mac_share": 0.95}, "PASS"),
        ("max_artifact_bytes", 100, {"artifact_bytes": 101}, "FAIL"),
        ("max_latency_ms_p90", 2.0, {"latency_ms": records.Latency(p50=1, p90=1.5, p99=None, n=100)}, "PASS"),
        ("max_latency_ms_p99", 2.0, {"latency_ms": records.Latency(p50=1, p90=1.5, p99=None, n=100)}, "CANNOT TELL"),
        ("min_top1_agreement", 0.9, {"top1_agreement": _change(0.95, 0.92, 0.97)}, "PASS"),
    ],
)
def test_every_gate_finds_its_figure(gate: str, limit: float, fields: dict[str, Any], verdict: str) -> None:
    (found,) = verdicts_of([small_run(**fields)], {gate: limit})
    assert found.verdict == verdict, found.text


def test_speed_gates_count_the_steady_windows() -> None:
    throughput = records.Throughput(
        sustained=100, interval=(90, 110), first_5s=None, peak=None, label="SHORT", warm_up_s=2, warm_up_runs=9,
        windows_per_s=[100.0] * 25, answers_checked=1, answers_differing=0, steady_from=5,
    )  # fmt: skip
    ratio = records.Speedup(
        baseline="own_fp32", baseline_label="b", value=2.0, interval=(1.8, 2.2), interleaved=True, windows=(20, 16)
    )
    run = small_run(throughput_per_s=throughput, speedup=[ratio])
    found = verdicts_of([run], {"min_throughput_per_s": 95.0, "min_speedup": 1.9})
    assert ["has 20" in entry.text for entry in found] == [True, False]
    assert "has 16" in found[1].text


def test_an_interval_without_upper_end_is_not_recorded() -> None:
    (found,) = verdicts_of([small_run(sqnr_db=25.0, nmse_interval=(0.0, 0.005), n=50)], {"min_sqnr_db": 24.0})
    assert (found.interval, found.value) == (None, 25.0)
    assert "[23.01, inf] dB" in found.text


def test_a_disturbed_measurement_decides_nothing() -> None:
    throughput = records.Throughput(
        sustained=100, interval=(99, 101), first_5s=None, peak=None, label="DISTURBED", warm_up_s=2, warm_up_runs=9,
        windows_per_s=[100.0] * 5, answers_checked=1, answers_differing=0, label_reason="another program took the CPU",
    )  # fmt: skip
    (found,) = verdicts_of([small_run(throughput_per_s=throughput)], {"min_throughput_per_s": 10})
    assert found.verdict == "CANNOT TELL"
    assert "another program took the CPU" in found.text


AGAINST = {
    "max_baseline_answers_changed": 3.0,
    "max_baseline_accuracy_drop_points": 1.0,
    "max_baseline_sqnr_drop_db": 0.5,
    "min_baseline_speed_ratio": 0.9,
}


def _comparison(**fields: Any) -> BaselineComparison:
    run = {"runtime": "echo", "label": "echo", "candidate": "S1", "precision": "int8", "status": "ok", "n": 100}
    earlier = EarlierStudy(name="then", study_sha256="0" * 64, created_utc="2026-11-27T03:00:00Z", program_version="1")
    return BaselineComparison(baseline=earlier, runs=[ComparedRun.model_validate({**run, **fields})])


@pytest.mark.parametrize(
    ("gate", "fields", "verdict"),
    [
        ("max_baseline_answers_changed", {"answers_changed": records.AnswersChanged(changed=3)}, "PASS"),
        ("max_baseline_answers_changed", {"answers_changed": records.AnswersChanged(changed=4)}, "FAIL"),
        ("max_baseline_answers_changed", {}, "CANNOT TELL"),
        ("max_baseline_accuracy_drop_points", {"accuracy_change_points": _change(-0.2, -0.6, 0.2)}, "PASS"),
        ("max_baseline_accuracy_drop_points", {"accuracy_change_points": _change(-0.9, -1.6, -0.2)}, "CANNOT TELL"),
        ("max_baseline_accuracy_drop_points", {"accuracy_change_points": _change(-3.0, -4.0, -2.0)}, "FAIL"),
        ("max_baseline_sqnr_drop_db", {"sqnr_change_db": _change(-0.2, -0.3, -0.1)}, "PASS"),
        ("max_baseline_sqnr_drop_db", {"sqnr_change_db": _change(2.0, 1.0, 3.0)}, "PASS"),
        ("max_baseline_sqnr_drop_db", {"sqnr_change_db": _change(-2.0, -3.0, -1.0)}, "FAIL"),
        ("max_baseline_sqnr_drop_db", {"reasons": {"sqnr_change_db": IDENTICAL}}, "PASS"),
        ("max_baseline_sqnr_drop_db", {"reasons": {"baseline": "not kept"}}, "CANNOT TELL"),
        ("min_baseline_speed_ratio", {"speed_ratio": _change(1.0, 0.95, 1.05, 20)}, "PASS"),
        ("min_baseline_speed_ratio", {"speed_ratio": _change(0.8, 0.7, 0.85, 20)}, "FAIL"),
        (
            "min_baseline_speed_ratio",
            {"speed_ratio": _change(0.8, 0.7, 0.85, 20), "reasons": {"speed_ratio": "now: other processes"}},
            "CANNOT TELL",
        ),
        ("min_baseline_speed_ratio", {"reasons": {"speed_ratio": "another machine"}}, "CANNOT TELL"),
    ],
)
def test_gates_against_the_baseline_find_their_figure(gate: str, fields: dict[str, Any], verdict: str) -> None:
    (found,) = baseline_verdicts(
        [small_run(), small_run(precision="fp32")], {gate: AGAINST[gate]}, _comparison(**fields)
    )
    assert found.verdict == verdict, found.text
    reasons = fields.get("reasons", {})
    assert all(reason in found.text for reason in reasons.values()) or verdict == "PASS"


def test_no_baseline_is_no_pass() -> None:
    found = baseline_verdicts([small_run()], AGAINST, None)
    assert [(item.verdict, NO_BASELINE in item.text) for item in found] == [("CANNOT TELL", True)] * len(AGAINST)
    assert verdicts_of([small_run()], AGAINST) == []
    assert baseline_verdicts([small_run()], {"min_sqnr_db": 20.0}, None) == []


def test_verdicts_against_the_baseline_outlive_a_merge() -> None:
    ours = baseline_verdicts([small_run()], AGAINST, None)
    others = verdicts_of([small_run(sqnr_db=25.0)], {"min_sqnr_db": 20.0})
    assert kept_baseline_verdicts([*others, *ours]) == ours
