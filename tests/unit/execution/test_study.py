"""The study file: what is refused and how it is said, paths, and the way to disk and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from helpers.studies import document

from workbench.errors import DataError, FileFormatError, SchemeError, StudyError, UserError
from workbench.execution.study import load_study, save_study, study_from_document, with_absolute_paths, with_row_names

FULL: dict[str, Any] = {
    "data": {
        "calibration": {"path": "images", "labels": "labels.csv", "limit": 10, "seed": 3},
        "evaluation": {"path": "images", "labels": ""},
    },
    "preprocess": {"letterbox": {"size": 64, "pad": 0}, "color": "RGB", "layout": "NHWC", "mean": [1.5], "std": [2.0]},
    "scheme": {"name": "S2", "method": "percentile", "percentile": 99.5, "exclude_nodes": ["a"]},
    "candidates": [
        {"name": "student", "model": {"path": "student.onnx"}, "plan": "plan.json"},
        {"name": "tool", "native": "ort_quantize_static", "native_options": {"calibrate_method": "Entropy"}},
    ],
    "runtimes": [{"id": "echo", "name": "mine", "python": "venv/bin/python", "options": {"deep": {"x": [1, 2]}}}],
    "measure": {"profile": "standard", "budget_s": 100},
    "gates": {"min_sqnr_db": 20},
    "name": "Digits",
}


def _study(**tables: Any) -> Any:
    return study_from_document(document(**tables), Path("base"), "study.toml")


@pytest.mark.parametrize(
    ("tables", "error", "text"),
    [
        ({"modle": {}}, StudyError, "unknown key 'modle'; did you mean 'model'?"),
        ({"scheme": {"methd": "mse"}}, StudyError, "'scheme.methd'; did you mean 'method'?"),
        ({"runtimes": [{"id": "a", "thread": 2}]}, StudyError, "did you mean 'threads'?"),
        ({"task": {"zzz": 1}}, StudyError, "known here: kind, class_offset, compare"),
        ({"runtimes": [{"name": "a"}]}, StudyError, "key 'runtimes.0.id' is missing"),
        ({"runtimes": [{"id": "a"}, {"id": "a"}]}, StudyError, "two runtimes are called 'a'"),
        ({"candidates": [{"name": "a"}, {"name": "a"}]}, StudyError, "two candidates are called 'a'"),
        (
            {"candidates": [{"name": "a", "native": "t", "scheme": {"name": "S1"}}]},
            StudyError,
            "names a native tool-chain and a scheme or plan",
        ),
        ({"candidates": [{"name": "a", "native": "t", "plan": "p.json"}]}, StudyError, "give native alone"),
        ({"candidates": [{"name": "a", "native_options": {"x": 1}}]}, StudyError, "native_options without native"),
        ({"model": {}}, StudyError, "either path or factory"),
        ({"model": {"path": "a", "factory": "b:c"}}, StudyError, "either path or factory"),
        ({"gates": {"min_sqnr": 20}}, StudyError, "min_sqnr_db"),
        ({"gates": {"min_top1_agreement": 7}}, StudyError, "from 0 to 1"),
        ({"schema_version": 2}, FileFormatError, "written by a newer program"),
        ({"scheme": {"percentile": 5.0}}, SchemeError, "percentile"),
        ({"preprocess": {"std": [0.0]}}, UserError, "std"),
        ({"measure": {"budget_s": float("inf")}}, StudyError, "budget_s"),
        ({"measure": {"profile": "fast"}}, StudyError, "'quick', 'standard', 'full' or 'none'"),
    ],
)
def test_a_mistake_is_named(tables: dict[str, Any], error: type[UserError], text: str) -> None:
    with pytest.raises(error) as raised:
        _study(**tables)
    assert text in str(raised.value)


def test_a_study_needs_a_model(tmp_path: Path) -> None:
    content = document(candidates=[{"name": "a", "model": {"path": "a.onnx"}}, {"name": "b"}])
    del content["model"]
    with pytest.raises(StudyError, match="names no model"):
        study_from_document(content, tmp_path, "study.toml")


@pytest.mark.parametrize("content", [b"model = [", b"\xff\xfe\x00", b"\x00" * 20])
def test_a_file_that_is_no_toml_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"study\.toml is not a TOML file"):
        load_study(tmp_path / "study.toml")
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path / "absent.toml")


@pytest.mark.parametrize("tables", [{}, FULL])
def test_saving_and_loading_changes_nothing(tmp_path: Path, tables: dict[str, Any]) -> None:
    study = study_from_document(document(**tables), tmp_path, "study.toml")
    save_study(study, tmp_path / "study.toml")
    again = load_study(tmp_path / "study.toml")
    assert again.sha256 == study.sha256
    assert again.file == study.file


def test_the_hash_sees_values_and_not_spelling(tmp_path: Path) -> None:
    assert _study().sha256 == _study(scheme={"name": "S1"}).sha256
    assert _study().sha256 != _study(scheme={"name": "S2"}).sha256
    content = document(**FULL)
    (tmp_path / "a.toml").write_text(tomli_w.dumps(dict(reversed(content.items()))))
    assert load_study(tmp_path / "a.toml").sha256 == _study(**FULL).sha256


def test_absolute_paths_mean_the_same_from_anywhere(tmp_path: Path) -> None:
    study = study_from_document(document(**FULL), tmp_path / "here", "mine.toml")
    moved = with_absolute_paths(study)
    save_study(moved, tmp_path / "elsewhere" / "study.toml")
    again = load_study(tmp_path / "elsewhere" / "study.toml")
    assert again.candidates == study.candidates
    assert [again.data_spec("calibration"), again.data_spec("evaluation")] == [
        study.data_spec("calibration"),
        study.data_spec("evaluation"),
    ]
    assert again.interpreter(again.file.runtimes[0]) == study.interpreter(study.file.runtimes[0])
    assert again.name == "Digits"
    unnamed = with_absolute_paths(study_from_document(document(), tmp_path, "mine.toml"))
    assert unnamed.name == "mine"
    assert unnamed.file.name == "mine"


def test_interpreters_are_paths_of_the_study_or_bare_commands(tmp_path: Path) -> None:
    rows = [{"id": "a", "name": name, **({"python": name} if name else {})} for name in ("env/python", "python3")]
    study = study_from_document(document([*rows, {"id": "a"}]), tmp_path, "study.toml")
    found = [study.interpreter(row) for row in study.file.runtimes]
    assert found == [str(tmp_path / "env" / "python"), "python3", sys.executable]


def test_a_link_to_an_interpreter_is_kept(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    study = study_from_document(document([{"id": "a", "python": "./python"}]), tmp_path, "study.toml")
    assert study.interpreter(study.file.runtimes[0]) == str(tmp_path / "python")


def test_labels_none_empty_and_a_file_are_three_things(tmp_path: Path) -> None:
    study = study_from_document(document(**FULL), tmp_path, "study.toml")
    calibration, evaluation = study.data_spec("calibration"), study.data_spec("evaluation")
    assert calibration is not None
    assert evaluation is not None
    assert (calibration.labels, evaluation.labels) == (str(tmp_path / "labels.csv"), "")
    assert _study().data_spec("evaluation").labels is None
    with pytest.raises((DataError, StudyError)):
        _study(data={"evaluation": {"path": "x", "limit": 0}})


def test_an_unnamed_row_is_called_by_its_runtimes_title() -> None:
    rows = [{"id": "ort_cpu"}, {"id": "openvino", "name": "mine"}, {"id": "echo"}]
    study = study_from_document(document(runtimes=rows), Path(), "s.toml")
    named = with_row_names(study, {"ort_cpu": "ONNX Runtime", "openvino": "OpenVINO", "echo": "mine"})
    assert [row.label for row in named.file.runtimes] == ["ONNX Runtime", "mine", "echo"]
    assert with_row_names(named, {}).file == named.file


def test_a_study_file_that_is_not_there_or_is_none_says_which_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "mobilenet.toml").write_text("")
    with pytest.raises(
        StudyError, match=r"mobilnet\.toml cannot be read: No such file.* Did you mean .*mobilenet\.toml\?"
    ):
        load_study(tmp_path / "mobilnet.toml")
    with pytest.raises(StudyError, match=r"Give the study file, such as study\.toml"):
        load_study(tmp_path / "absent" / "x.toml")
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(StudyError, match=r"Is a directory\. Give .*study\.toml\."):
        load_study(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"\x08\x9f\xff")
    with pytest.raises(FileFormatError, match="text in UTF-8"):
        load_study(tmp_path / "model.onnx")


def test_a_path_with_backslashes_in_double_quotes_is_told_how_to_write_it(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    for place in (r"C:\models\x.onnx", r"C:\xnet.onnx"):
        path.write_text(f'[model]\npath = "{place}"\n')
        with pytest.raises(FileFormatError, match="Write paths with / or between single quotes"):
            load_study(path)
