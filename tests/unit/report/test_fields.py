"""The sheet's fields, declared once."""

from __future__ import annotations

import pytest
from helpers import results

from workbench.execution.result import Result
from workbench.report.fields import BY_KEY, FIELDS, NOT_DISCLOSED, disclose, fields_of, is_disclosed
from workbench.report.formats import FORMATTERS
from workbench.report.sheet import build_sheet

REQUIRED_BY_DESIGN = {
    "scheme.precision", "scheme.tensors", "int8_mac_share", "scheme.requested", "realised", "calibration.name",
    "calibration.n", "calibration.sha256", "calibration.selection", "calibration.method", "calibration.beyond_clip",
    "evaluation.name", "evaluation.n", "evaluation.sha256", "evaluation.overlap", "task.metric", "throughput",
    "throughput.conditions", "speedup.own_fp32", "latency.p50", "latency.p90", "model.family", "model.sha256",
    "versions", "machine.driver", "machine.os", "machine.cpu", "machine.isa", "machine.power_mode", "parity",
    "reproduce", "calibration.parameters", "calibration.worst_tensors",
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


@pytest.mark.parametrize("key", ["throughput", "throughput.conditions", "latency.p50", "speedup.own_fp32"])
def test_int8_that_float_kernels_computed_has_no_speed_to_disclose(key: str) -> None:
    result, reason = results.ordinary(), "no INT8 speed"
    changes = {"throughput_per_s": None, "latency_ms": None, "speedup": [], "reasons": {"throughput_per_s": reason}}
    run = next(run for run in result.runs if run.precision == "int8").model_copy(update=changes)
    field = BY_KEY["run", key]
    assert disclose(field, run, result) == NOT_DISCLOSED
    simulated = run.model_copy(update={"facts": {"evidence": "simulated"}})
    assert disclose(field, simulated, result) == {"not_applicable": reason}


@pytest.mark.parametrize(("value", "expected"), [(0, True), (0.0, True), ("x", True), ("", False), (None, False)])
def test_is_disclosed(value: object, expected: bool) -> None:
    assert is_disclosed(value) is expected


def test_float_runs_owe_no_parity() -> None:
    assert "parity" not in {field.key for field in fields_of("run", "fp32")}
    assert "parity" in {field.key for field in fields_of("run", "int8")}


def test_speed_that_was_not_measured_is_not_disclosed() -> None:
    document = results.ordinary_document()
    run = next(run for run in document["runs"] if run["precision"] == "int8" and run["status"] == "ok")
    run.update(throughput_per_s=None, latency_ms=None, speedup=[])
    run["reasons"] = {"throughput_per_s": "the study measures no speed"}
    sheet = build_sheet(Result.model_validate(document), hosts=())
    where = f"{run['label']} int8: "
    missing = [entry.removeprefix(where) for entry in sheet.not_disclosed if entry.startswith(where)]
    assert {"Sustained throughput", "Against its own FP32", "Latency P90"} <= set(missing)


def test_weight_only_has_nothing_to_clip() -> None:
    document = results.ordinary_document()
    document["candidates"][0].update(scheme={"name": "S3"}, representation=None)
    fields = build_sheet(Result.model_validate(document), hosts=()).candidates[0].fields
    assert "nothing is clipped" in fields["calibration.beyond_clip"]["not_applicable"]
    assert "nothing is clipped" in fields["calibration.worst_tensors"]["not_applicable"]


def test_calibration_parameters_are_owed_and_none_are_said() -> None:
    document = results.ordinary_document()
    told = build_sheet(Result.model_validate(document), hosts=())
    assert told.candidates[0].fields["calibration.parameters"] == "the method has none"
    document["candidates"][0]["calibration"].pop("parameters")
    untold = build_sheet(Result.model_validate(document), hosts=())
    assert "candidate model: Calibration parameters" in untold.not_disclosed
