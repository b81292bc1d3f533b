"""The rail's lines."""

from __future__ import annotations

from pathlib import Path

from helpers.results import ordinary

from workbench.ui import states


def test_an_empty_study_says_what_to_do() -> None:
    found = states.of({}, None)
    assert found["model"] == ("choose a file", "")
    assert found["data"][0] == "choose a folder or arrays"
    assert found["scheme"][0] == "S1 W8A8 symmetric · mse"
    assert found["runtimes"][0] == "choose at least one"
    assert found["compare"] == ("no result yet", "")


def test_choices_are_named() -> None:
    values = {
        "model": {"path": "models/a.onnx"},
        "data": {"evaluation": {"path": "data/eval"}},
        "runtimes": [{"id": "ort_cpu"}, {"id": "openvino", "name": "OV"}, {"id": "x"}],
        "candidates": [{"name": "A"}, {"name": "B"}],
    }
    found = states.of(values, None)
    assert found["model"][0] == "a.onnx"
    assert found["data"] == ("calibration set missing", "warn")
    assert found["runtimes"][0] == "3 rows: ort_cpu, OV, x"
    assert found["scheme"][0] == "2 candidates"


def test_many_rows_with_long_names_are_counted() -> None:
    rows = [{"id": "ort_cpu", "name": f"ONNX Runtime {number}"} for number in range(7)]
    assert states.runtimes_state({"runtimes": rows})[0] == "7 rows"


def test_calibration_alone_is_not_enough() -> None:
    assert states.data_state({"data": {"calibration": {"path": "c"}}}) == ("evaluation set missing", "warn")


def test_models_in_candidates_and_factories_count() -> None:
    assert states.model_state({"candidates": [{"name": "a", "model": {"path": "x"}}]})[0] == "1 model, in candidates"
    assert states.model_state({"model": {"factory": "pkg:make"}})[0] == "pkg:make"


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    data = {part: {"path": str(there)} for part in ("evaluation", "calibration")}
    values = {"model": {"path": str(tmp_path / "a.onnx")}, "data": data}
    assert states.model_state(values) == ("gone: a.onnx", "bad")
    assert states.data_state(values)[1] == ""
    there.rmdir()
    assert states.data_state(values) == ("evaluation set is gone", "bad")


def test_verdicts_are_counted() -> None:
    text, _ = states.compare_state(ordinary())
    assert "ship" in text
    assert states.speed_state(ordinary())[0].startswith("profile")


def test_the_worst_verdicts_come_first_and_the_rest_is_counted() -> None:
    assert states.compare_state(ordinary())[0] == "1 cannot tell, 1 ship, 2 more"


def test_a_data_set_is_named_with_the_folder_it_lies_in() -> None:
    data = {"evaluation": {"path": "data/cifar10/evaluation"}, "calibration": {"path": "data/cifar10/calibration"}}
    assert states.data_state({"data": data}) == ("cifar10/evaluation", "")
    data["evaluation"]["path"] = "../evaluation.npz"
    assert states.data_state({"data": data}) == ("evaluation.npz", "")
