"""What a study names and is not there is told before anything starts, by every command that reads a study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.small_studies import run_command, write_workplace

from workbench.cli.inputs import check_folder_is_its_own, check_inputs
from workbench.errors import DataError, ModelError, OutputError, PlanError, StudyError
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


def test_a_folder_keeps_the_result_of_a_study_that_has_nothing_in_common(place: Path) -> None:
    folder = place / "out"
    folder.mkdir()
    text = (place / "study.toml").read_text()
    other = text.replace("model.onnx", "former.onnx").replace("evaluation.npz", "former.npz")
    (folder / "study.toml").write_text(f'name = "former"\n{other}')
    study = load_study(place / "study.toml")
    check_folder_is_its_own(study, folder)  # no result yet
    (folder / "result.json").write_text("{}")
    with pytest.raises(OutputError, match="out holds the result of another study, former: of another model"):
        check_folder_is_its_own(study, folder)
    (folder / "study.toml").write_text(other)  # the same name: a study that was moved
    check_folder_is_its_own(study, folder)
    (folder / "study.toml").write_text("no study")
    check_folder_is_its_own(study, folder)


@pytest.mark.parametrize("shared", ["model.onnx", "evaluation.npz"])
def test_a_study_that_was_changed_resumes_in_its_folder(place: Path, shared: str) -> None:
    folder = place / "out"
    folder.mkdir()
    (folder / "result.json").write_text("{}")
    text = (place / "study.toml").read_text().replace(f'path = "{shared}"', f'path = "{place / shared}"')
    changed = {"model.onnx": "evaluation.npz", "evaluation.npz": "model.onnx"}[shared]
    (folder / "study.toml").write_text('name = "former"\n' + text.replace(changed, "former"))
    check_folder_is_its_own(load_study(place / "study.toml"), folder)


def test_run_refuses_such_a_folder_before_anything(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "out").mkdir()
    (place / "out" / "result.json").write_text("{}")
    former = (place / "study.toml").read_text().replace(".onnx", "2.onnx").replace(".npz", "2.npz")
    (place / "out" / "study.toml").write_text(f'name = "former"\n{former}')
    assert run_command(["run", "study.toml", "-o", "out"]) == 1
    assert "Choose another folder with -o." in capsys.readouterr().err
    assert (place / "out" / "result.json").read_text() == "{}"
