"""The disclosure sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import native_results, results

from workbench.errors import FileFormatError, SheetError
from workbench.execution.result import Result
from workbench.report import sheet as sheets
from workbench.report.sheet import (
    build_sheet,
    first_line,
    load_sheet,
    missing_fields,
    save_sheet,
    sheet_hash,
    to_document,
)

PLANTED_HOST = "lab-box-7"


def planted() -> Result:
    """A result with a host name and absolute paths in every place a program might put them."""
    document = results.ordinary_document()
    document["machines"][0]["facts"] |= {"hostname": PLANTED_HOST, "os": f"Linux on {PLANTED_HOST}"}
    document["runs"][2]["facts"] = {"cache": "/home/jane/.cache/engine", "node": PLANTED_HOST}
    document["runs"][3]["worst_samples"] = [{"file": "cat.jpg", "answer": 3}]
    document["runs"][6]["problem"]["message"] = f"cannot open /home/jane/engine.plan on {PLANTED_HOST}"
    document["data"]["evaluation"]["name"] = r"C:\Users\jane\pictures"
    document["findings"] = ["see /var/log/study/out.txt"]
    document["study_name"] = "/srv/studies/mobilenet.toml"
    return Result.model_validate(document)


def test_no_host_path_log_or_sample_leaves_the_machine() -> None:
    text = json.dumps(to_document(build_sheet(planted(), hosts=(PLANTED_HOST,))))
    for leak in (PLANTED_HOST, "jane", "/home", "/var", "/srv", "Users", "cat.jpg", "segmentation fault"):
        assert leak not in text
    assert "/features/4/add/Add" in text  # a node name, not a path


def test_what_is_asked_for_is_included() -> None:
    sheet = build_sheet(planted(), include=("host", "paths", "samples", "logs"), hosts=(PLANTED_HOST,))
    text = json.dumps(to_document(sheet))
    for asked in (PLANTED_HOST, "/home/jane/.cache/engine", "cat.jpg", "segmentation fault"):
        assert asked in text
    assert sheet.included == ["host", "logs", "paths", "samples"]


def test_unknown_include_is_refused() -> None:
    with pytest.raises(SheetError, match="secrets"):
        build_sheet(results.ordinary(), include=("secrets",))


def test_ordinary_sheet_is_complete() -> None:
    assert build_sheet(results.ordinary(), hosts=()).not_disclosed == []


def test_missing_fields_are_counted_and_literal() -> None:
    document = results.ordinary_document()
    del document["machines"][0]["facts"]["power_mode"]
    document["runs"][3]["versions"] = {}
    sheet = build_sheet(Result.model_validate(document), hosts=())
    assert sheet.not_disclosed == ["machine m1: Power mode", "ONNX Runtime int8: Tool-chain"]
    assert sheet.machines[0].fields["machine.power_mode"] == "NOT DISCLOSED"


def test_failed_and_absent_runtimes_keep_their_place() -> None:
    sheet = build_sheet(results.ordinary(), hosts=())
    assert [(run.label, run.status) for run in sheet.runs[-2:]] == [
        ("TensorRT", "crashed"),
        ("Core ML", "not_available"),
    ]
    assert [entry.label for entry in sheet.sentences] == ["ONNX Runtime", "OpenVINO", "TensorRT", "Core ML"]


def test_hash_is_over_everything_but_itself() -> None:
    sheet = build_sheet(results.ordinary(), hosts=())
    document = to_document(sheet)
    assert sheet_hash(document) == sheet.sheet_sha256 == sheet_hash({**document, "sheet_sha256": "other"})
    assert sheet_hash({**document, "title": "better"}) != sheet.sheet_sha256


def test_first_line_carries_the_hash() -> None:
    sheet = build_sheet(results.ordinary(), hosts=())
    assert first_line(sheet).startswith("MobileNet, INT8 S1 against FP32, 2,000 images. ONNX Runtime: ship (")
    assert first_line(sheet).endswith(f"[sheet {sheet.sheet_sha256[:12]}]")


@pytest.mark.parametrize("name", ["ordinary", "long_names", "unlabelled", "all_null", "no_runtimes", "without_gates"])
def test_saved_sheet_reads_back_equal(name: str, tmp_path: Path) -> None:
    sheet = build_sheet(getattr(results, name)(), hosts=())
    save_sheet(sheet, tmp_path / "sheet.json")
    assert load_sheet(tmp_path / "sheet.json") == sheet


def damaged(change: dict[str, Any]) -> str:
    return json.dumps({**to_document(build_sheet(results.ordinary(), hosts=())), **change})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        (damaged({"schema_version": 99}), "newer program"),
        (damaged({"runs": "none"}), "runs"),
        (damaged({"extra": 1}), "extra"),
        ("{}", "schema_version"),
    ],
)
def test_foreign_file_gets_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "sheet.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=message):
        load_sheet(path)


def test_migrations_lead_to_this_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(sheets.MIGRATIONS) == set(range(1, sheets.SHEET_VERSION))
    document = to_document(build_sheet(results.ordinary(), hosts=()))
    monkeypatch.setattr(sheets, "SHEET_VERSION", 2)
    monkeypatch.setitem(sheets.MIGRATIONS, 1, lambda old: {**old, "title": "raised"})
    assert sheets.sheet_from_document(document).title == "raised"


def test_a_run_that_could_not_take_place_tells_of_its_verified_artifact() -> None:
    document = results.ordinary_document()
    absent = next(run for run in document["runs"] if run["status"] == "not_available")
    absent["parity"] = {"checked": 13, "mismatches": []}
    sheet = build_sheet(Result.model_validate(document), hosts=())
    found = next(run for run in sheet.runs if run.label == absent["label"])
    assert found.fields["parity"] == {"checked": 13, "mismatches": 0}
    assert "throughput" not in found.fields
    assert not [line for line in missing_fields(sheet) if line.startswith(absent["label"])]
    absent["parity"] = None
    sheet = build_sheet(Result.model_validate(document), hosts=())
    assert next(run for run in sheet.runs if run.label == absent["label"]).fields == {}


@pytest.mark.parametrize("made", [True, False])
def test_a_native_tool_chain_leaves_nothing_undisclosed_that_ours_discloses(made: bool) -> None:
    ours = build_sheet(results.ordinary(), hosts=()).not_disclosed
    native = build_sheet(native_results.native(made=made), hosts=())
    assert [line for line in native.not_disclosed if native_results.TITLE in line] == []
    assert set(native.not_disclosed) == set(ours)
