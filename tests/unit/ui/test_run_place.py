"""Where results go, what a run will do and what it finds there."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.studies import document, write_study_file

from workbench.execution.store import Store
from workbench.execution.study import load_study
from workbench.ui.run_place import kept_text, missing_step, planned, result_folder, runtime_titles


def test_results_stand_beside_the_study(tmp_path: Path) -> None:
    assert result_folder(tmp_path / "a.toml", {}) == tmp_path / "a-results"


def test_a_study_folder_goes_on_in_place(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    assert result_folder(tmp_path / "study.toml", {}) == tmp_path


def test_a_new_study_goes_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    found = result_folder(None, {"model": {"path": "/m/net.onnx"}})
    assert found == tmp_path / "int8-workbench" / "net"
    assert result_folder(None, {"name": "a/b"}).name == "a-b"


def test_the_sample_study_does_not_write_into_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.resources import files

    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    sample = Path(str(files("workbench_resources") / "demo" / "study.toml"))
    assert result_folder(sample, {"name": "Digits"}) == tmp_path / "int8-workbench" / "Digits"


def test_the_time_follows_profile_and_cells(tmp_path: Path) -> None:
    content = document(({"id": "ort_cpu"},), measure={"profile": "standard"})
    study = load_study(write_study_file(tmp_path / "s.toml", content))
    found = planned(study, {})
    assert found.text.startswith("2 cells, about 2 min")
    assert (found.seconds, found.rounds) == (60.0, 6)
    assert planned(study, {}, quick=True).seconds == 5.0
    content["measure"] = {"profile": "standard", "budget_s": 10.0}
    assert "about 18 s" in planned(load_study(write_study_file(tmp_path / "s.toml", content)), {}).text
    content["measure"] = {"profile": "none"}
    assert planned(load_study(write_study_file(tmp_path / "s.toml", content)), {}).rounds == 0


def test_rows_without_a_name_are_called_by_their_runtime(tmp_path: Path) -> None:
    study = load_study(write_study_file(tmp_path / "s.toml", document(({"id": "ort_cpu"},))))
    assert planned(study, runtime_titles()).cells[0].title == "ONNX Runtime CPU · S1 · fp32"


def test_what_lies_in_the_folder_is_told(tmp_path: Path) -> None:
    study = load_study(write_study_file(tmp_path / "s.toml", document(({"id": "ort_cpu"},))))
    cells = planned(study, {}).cells
    assert kept_text(tmp_path, cells) == ""
    (tmp_path / "events.jsonl").touch()
    words = "Holds a run that was stopped: 0 of 2 cells are finished, and Run goes on from there."
    assert kept_text(tmp_path, cells) == words
    for number, cell in enumerate(cells, 1):
        place = Store(tmp_path).folder("cells", *cell.name)
        place.mkdir(parents=True)
        (place / "answers.json").touch()
        assert f"{number - 1} of 2 cells and the answers of 1 more are finished" in kept_text(tmp_path, cells)
        (place / "stage.json").touch()
        assert f"{number} of 2 cells are finished" in kept_text(tmp_path, cells)
    (tmp_path / "result.json").touch()
    assert kept_text(tmp_path, cells).startswith("Holds a finished run")
    (place / "stage.json").unlink()
    assert kept_text(tmp_path, cells).startswith("Holds a run in which 1 of 2 cells gave answers")


def test_the_first_missing_step_is_named() -> None:
    values: dict[str, object] = {}
    assert missing_step(values) == "model"
    values["candidates"] = [{"name": "a", "model": {"path": "a.onnx"}}]
    assert missing_step(values) == "data"
    values["data"] = {"calibration": {"path": "c"}}
    assert missing_step(values) == "data"
    values["data"] = {"evaluation": {"path": "e"}, "calibration": {"path": "c"}}
    assert missing_step(values) == "runtimes"
    values["runtimes"] = [{"id": "ort_cpu"}]
    assert missing_step(values) == ""
