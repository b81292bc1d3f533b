"""Where results go and how long a study takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.studies import document, write_study_file

from workbench.execution.study import load_study
from workbench.ui.run_place import expected_text, missing_step, result_folder


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
    assert expected_text(study).startswith("2 cells, about 2 min")
    content["measure"] = {"profile": "standard", "budget_s": 10.0}
    assert "about 18 s" in expected_text(load_study(write_study_file(tmp_path / "s.toml", content)))


def test_the_first_missing_step_is_named() -> None:
    values: dict[str, object] = {}
    assert missing_step(values) == "model"
    values["candidates"] = [{"name": "a", "model": {"path": "a.onnx"}}]
    assert missing_step(values) == "data"
    values["data"] = {"calibration": {"path": "c"}}
    assert missing_step(values) == "data"
    values["data"] = {"evaluation": {"path": "e"}}
    assert missing_step(values) == "runtimes"
    values["runtimes"] = [{"id": "ort_cpu"}]
    assert missing_step(values) == ""
