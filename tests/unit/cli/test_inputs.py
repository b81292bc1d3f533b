"""What a study names and is not there is told before anything starts, by every command that reads a study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.small_studies import run_command, write_workplace

from workbench.cli.inputs import check_inputs
from workbench.errors import DataError, ModelError, PlanError, StudyError
from workbench.execution.study import load_study

COMMANDS = {
    "run": ["run", "study.toml", "-o", "out"],
    "explain": ["explain", "study.toml"],
    "scan": ["scan", "study.toml"],
    "tune": ["tune", "study.toml", "-o", "out", "--sqnr-db", "20"],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study and all it names, which is the current one."""
    folder = write_workplace(tmp_path / "place")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
@pytest.mark.parametrize("gone", ["model.onnx", "calibration.npz", "evaluation.npz"])
def test_each_command_tells_the_missing_file_at_once(
    place: Path, capsys: pytest.CaptureFixture[str], command: list[str], gone: str
) -> None:
    (place / gone).unlink()
    assert run_command(command) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"{gone} cannot be read: there is no such file. Mend " in said.err
    assert not (place / "out").exists()


def test_a_moved_folder_is_one_line_with_what_it_takes_along(place: Path) -> None:
    for name in ("model.onnx", "calibration.npz", "evaluation.npz"):
        (place / name).unlink()
    with pytest.raises(StudyError) as told:
        check_inputs(load_study(place / "study.toml"))
    assert str(told.value).startswith("3 things that study names cannot be read: ")
    assert all(name in str(told.value) for name in ("model.onnx", "calibration.npz", "evaluation.npz"))


def test_a_folder_that_two_sets_name_is_told_once(place: Path) -> None:
    shutil.rmtree(place / "images")
    with pytest.raises(DataError, match=r"images cannot be read: there is no such folder. Mend path in \[data"):
        check_inputs(load_study(place / "images.toml"))


def test_labels_and_plans_and_folders_in_place_of_files_are_told(place: Path) -> None:
    text = (place / "images.toml").read_text()
    path = place / "labelled.toml"
    path.write_text(text.replace('path = "images"\n[pre', 'path = "images"\nlabels = "gone.csv"\n[pre'))
    with pytest.raises(DataError, match=r"gone.csv cannot be read.* Mend labels in \[data.evaluation\]"):
        check_inputs(load_study(path))
    path.write_text(text.replace("[task]", '[[candidates]]\nname = "a"\nplan = "gone.json"\n[task]'))
    with pytest.raises(PlanError, match=r"gone\.json cannot be read: there is no such file"):
        check_inputs(load_study(path))
    with pytest.raises(PlanError, match="Mend --plan"):
        check_inputs(load_study(place / "images.toml"), place / "gone.json")
    path.write_text(text.replace("model.onnx", "images"))
    with pytest.raises(ModelError, match="it is a folder"):
        check_inputs(load_study(path))


def test_nothing_is_said_where_all_is_there(place: Path) -> None:
    check_inputs(load_study(place / "study.toml"))
    check_inputs(load_study(place / "images.toml"))
