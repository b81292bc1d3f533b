"""The sheet as CSV in long form."""

from __future__ import annotations

import csv
import io

import pytest
from helpers import results

from workbench.execution.result import Result
from workbench.report.render_csv import HEADER, render_csv
from workbench.report.sheet import Sheet, build_sheet


def parsed(sheet: Sheet) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(sheet).decode("utf-8"))))


def test_header_and_figures() -> None:
    rows = parsed(build_sheet(results.ordinary(), hosts=()))
    assert tuple(rows[0]) == HEADER
    found = {(row["run"], row["field"]): row for row in rows}
    change = found["ONNX Runtime / model / int8", "accuracy_change_points"]
    assert (float(change["value"]), float(change["interval_low"]), float(change["interval_high"])) == (-0.2, -0.6, 0.2)
    assert (change["unit"], change["n"]) == ("points", "2000")
    assert found["TensorRT / model / int8", "status"]["value"] == "crashed"
    assert found["Simulated / model / simulated", "evidence"]["value"] == "simulated"
    assert found["ONNX Runtime / model / int8", "artifact_bytes"]["value"] == "560000"


def test_rates_and_ratios_keep_their_label_and_baseline() -> None:
    found = {(row["run"], row["field"]): row for row in parsed(build_sheet(results.ordinary(), hosts=()))}
    assert found["ONNX Runtime / model / int8", "throughput"]["note"] == "SUSTAINED"
    assert found["ONNX Runtime / model / int8", "speedup.own_fp32"]["note"] == (
        "against ONNX Runtime FP32, 58 and 58 steady windows"
    )
    assert found["ONNX Runtime / model / int8", "sqnr_db"]["note"] == ""


@pytest.mark.parametrize("field", ["sqnr_db", "nmse", "latency.p50", "latency.p90", "latency.p99"])
def test_errors_and_latencies_have_their_interval_and_n(field: str) -> None:
    found = {(row["run"], row["field"]): row for row in parsed(build_sheet(results.ordinary(), hosts=()))}
    row = found["ONNX Runtime / model / int8", field]
    assert float(row["interval_low"]) < float(row["value"]) < float(row["interval_high"])
    assert int(row["n"]) == (24000 if field.startswith("latency") else results.N)


def test_missing_required_fields_are_lines() -> None:
    sheet = build_sheet(results.all_null(), hosts=())
    assert sum(row["value"] == "NOT DISCLOSED" for row in parsed(sheet)) == len(sheet.not_disclosed)


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+cmd", "-2"])
def test_no_text_is_a_formula(name: str) -> None:
    document = results.ordinary_document()
    document["model"]["name"] = name
    rows = parsed(build_sheet(Result.model_validate(document), hosts=()))
    assert next(row["value"] for row in rows if row["field"] == "model.name") == f"'{name}"
