"""Exported models: one folder per runtime with everything needed to ship and to check it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from helpers.results import COREML, CRASHY, OPENVINO, ORT, two_candidates
from helpers.study_folder import CLASSES, make_study_folder

from workbench.errors import OutputError, StudyError
from workbench.report.export import CHECKSUMS, export_models, label_map, preprocess_document
from workbench.report.sheet import build_sheet, load_sheet


def test_each_built_row_gets_a_folder_and_the_others_a_reason(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    rows = export_models(result, tmp_path / "study", tmp_path / "out")
    assert [(row.name, row.folder and row.folder.name) for row in rows] == [
        (ORT, "ONNX-Runtime"),
        (OPENVINO, "OpenVINO"),
        (CRASHY, None),
        (COREML, None),
    ]
    assert "needs macOS" in rows[3].reason
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ONNX-Runtime", "OpenVINO"]


def test_the_checksums_cover_every_other_file(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    row = export_models(result, tmp_path / "study", tmp_path / "out", [ORT])[0]
    assert row.folder is not None
    lines = dict(line.split("  ")[::-1] for line in (row.folder / CHECKSUMS).read_text().splitlines())
    assert set(lines) == set(row.files) - {CHECKSUMS} == {path.name for path in row.folder.iterdir()} - {CHECKSUMS}
    for name, digest in lines.items():
        assert hashlib.sha256((row.folder / name).read_bytes()).hexdigest() == digest


def test_the_model_is_the_int8_one_and_the_sheet_is_the_studys(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    row = export_models(result, tmp_path / "study", tmp_path / "out", [ORT])[0]
    assert row.folder is not None
    assert (row.folder / "model.onnx").read_text() == "model 3"
    assert load_sheet(row.folder / "sheet.json").sheet_sha256 == build_sheet(result).sheet_sha256


def test_external_weights_travel_under_the_name_the_model_speaks_of(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    artifact = next((tmp_path / "study" / "artifacts").glob("OpenVINO/*/int8/artifact/*.onnx"))
    artifact.with_name(f"{artifact.name}.data").write_bytes(b"weights")
    row = export_models(result, tmp_path / "study", tmp_path / "out", [OPENVINO])[0]
    assert {"model.int8.onnx", "model.int8.onnx.data"} <= set(row.files)


def test_a_model_that_was_changed_is_refused(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    next((tmp_path / "study" / "artifacts").glob("OpenVINO/*/int8/artifact/*.onnx")).write_text("another")
    with pytest.raises(StudyError, match="not the one that was measured"):
        export_models(result, tmp_path / "study", tmp_path / "out")


def test_a_recorded_path_outside_its_stage_is_not_followed(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    stage = next((tmp_path / "study" / "artifacts").glob("OpenVINO/*/int8/stage.json"))
    stage.write_text(json.dumps({"value": {"artifact": "../../../../result.json"}}))
    rows = export_models(result, tmp_path / "study", tmp_path / "out", [OPENVINO])
    assert rows[0].folder is None


def test_an_unknown_row_names_the_known_ones(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    with pytest.raises(StudyError, match=r"no row 'TVM'.*ONNX Runtime, OpenVINO"):
        export_models(result, tmp_path / "study", tmp_path / "out", ["TVM"])


def test_a_place_that_is_a_file_is_an_output_error(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path / "study")
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export_models(result, tmp_path / "study", tmp_path / "out")


def test_candidates_are_told_apart(tmp_path: Path) -> None:
    rows = export_models(two_candidates(), tmp_path, tmp_path / "out")
    assert [row.name for row in rows if row.name.startswith(ORT)] == [f"{ORT} · model", f"{ORT} · student"]
    assert all(row.folder is None for row in rows)


def test_the_label_map_counts_from_the_class_offset(tmp_path: Path) -> None:
    document = label_map(make_study_folder(tmp_path), tmp_path)
    assert document["class_offset"] == 1
    assert document["labels"]["0"] == document["outputs"]["1"] == "name 0"
    assert len(document["labels"]) == CLASSES - 1


def test_classes_without_names_say_so(tmp_path: Path) -> None:
    document = label_map(make_study_folder(tmp_path, names=False), tmp_path)
    assert document["labels"] == {}
    assert "names no classes" in document["note"]


def test_preprocessing_comes_with_the_inputs_it_must_fit(tmp_path: Path) -> None:
    document = preprocess_document(make_study_folder(tmp_path))
    assert document["preprocess"]["resize_short"] == 256
    assert document["inputs"][0]["name"] == "input"
