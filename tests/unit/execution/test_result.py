"""The result format refuses what it does not know and what is not a number."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from workbench.execution.result import Estimate, Result, Run


def _run(**fields: object) -> Run:
    common: dict[str, object] = {"runtime": "ort_cpu", "label": "a", "candidate": "S1", "precision": "int8"}
    return Run.model_validate({**common, "machine": "m", "threads": 1, "batch": 1, "status": "ok", **fields})


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        _run(sqnr=3.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_figures_are_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        _run(sqnr_db=value)
    with pytest.raises(ValidationError, match="finite"):
        Estimate(value=1.0, interval=(0.0, value))


def test_status_and_precision_are_closed_sets() -> None:
    with pytest.raises(ValidationError):
        _run(status="fine")
    with pytest.raises(ValidationError):
        _run(precision="int4")


def test_a_run_survives_json() -> None:
    run = _run(top1_agreement={"value": 0.5, "interval": [0.4, 0.6], "n": 10}, reasons={"accuracy": "no labels"})
    assert Run.model_validate_json(run.model_dump_json()) == run


def test_what_the_design_promises_is_in_the_schema() -> None:
    promised = {
        "runtime", "label", "candidate", "precision", "threads", "batch", "status", "plan_sha256", "outputs_sha256",
        "n", "accuracy", "accuracy_change_points", "top1_agreement", "answers_changed", "sqnr_db", "nmse", "kl_mean",
        "int8_mac_share", "parity", "deviations", "latency_ms", "throughput_per_s", "speedup", "load_s", "build_s",
        "peak_rss_bytes", "artifact_bytes",
    }  # fmt: skip
    assert promised <= set(Run.model_fields)
    assert {"schema_version", "model", "runs", "verdicts"} <= set(Result.model_fields)
