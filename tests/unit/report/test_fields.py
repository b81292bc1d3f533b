"""The sheet's fields, declared once."""

from __future__ import annotations

import pytest
from helpers import results

from workbench.report.fields import BY_KEY, FIELDS, NOT_DISCLOSED, disclose, fields_of, is_disclosed
from workbench.report.formats import FORMATTERS

REQUIRED_BY_DESIGN = {
    "scheme.precision", "scheme.tensors", "int8_mac_share", "scheme.requested", "realised", "calibration.name",
    "calibration.n", "calibration.sha256", "calibration.selection", "calibration.method", "calibration.beyond_clip",
    "evaluation.name", "evaluation.n", "evaluation.sha256", "evaluation.overlap", "task.metric", "throughput",
    "throughput.conditions", "speedup.own_fp32", "latency.p50", "latency.p90", "model.family", "model.sha256",
    "versions", "machine.driver", "machine.os", "machine.cpu", "machine.isa", "machine.power_mode", "parity",
    "reproduce",
}  # fmt: skip


def test_keys_are_unique_within_a_scope() -> None:
    assert len(BY_KEY) == len(FIELDS)


def test_what_the_design_requires_is_required() -> None:
    assert {field.key for field in FIELDS if field.required} >= REQUIRED_BY_DESIGN


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.scope}-{field.key}")
def test_each_field_is_formatted_and_explained(field: object) -> None:
    assert field.kind in FORMATTERS  # type: ignore[attr-defined]
    assert field.help.endswith(".")  # type: ignore[attr-defined]
    assert field.label[0].isupper()  # type: ignore[attr-defined]


def test_peak_never_stands_without_the_sustained_figure() -> None:
    keys = [field.key for field in fields_of("run", "int8")]
    assert keys.index("throughput") < keys.index("throughput.peak")


def test_missing_value_is_not_disclosed_unless_a_reason_is_given() -> None:
    result = results.ordinary()
    run = result.runs[0].model_copy(update={"nmse": None})
    field = BY_KEY["run", "nmse"]
    assert disclose(field, run, result) == NOT_DISCLOSED
    told = run.model_copy(update={"reasons": {"nmse": "the reference is constant"}})
    assert disclose(field, told, result) == {"not_applicable": "the reference is constant"}


@pytest.mark.parametrize(("value", "expected"), [(0, True), (0.0, True), ("x", True), ("", False), (None, False)])
def test_is_disclosed(value: object, expected: bool) -> None:
    assert is_disclosed(value) is expected


def test_float_runs_owe_no_parity() -> None:
    assert "parity" not in {field.key for field in fields_of("run", "fp32")}
    assert "parity" in {field.key for field in fields_of("run", "int8")}
