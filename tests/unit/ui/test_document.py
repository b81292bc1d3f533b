"""The edited study: undo, merging, paths, loading and saving the same file the command line runs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("PySide6.QtGui", reason="the window is not installed", exc_type=ImportError)

from helpers.studies import document as study_document
from helpers.studies import write_study
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from workbench.errors import StudyError
from workbench.execution.study import load_study
from workbench.ui.document import CALIBRATION_MISSING, Document, relative_paths, with_value


@pytest.fixture
def edited(qtbot: QtBot) -> Document:
    return Document()


def test_a_change_tells_and_can_be_undone(edited: Document, qtbot: QtBot) -> None:
    with qtbot.waitSignal(edited.changed):
        edited.set("choose a model", {"path": "/m.onnx"}, "model")
    assert edited.value("model", "path") == "/m.onnx"
    assert edited.is_modified
    with qtbot.waitSignal(edited.changed):
        edited.undo_stack.undo()
    assert edited.is_empty
    edited.undo_stack.redo()
    assert edited.value("model") == {"path": "/m.onnx"}


def test_typing_a_number_is_one_step(edited: Document) -> None:
    for limit in (1, 12, 120):
        edited.set("limit", limit, "data", "evaluation", "limit")
    assert edited.undo_stack.count() == 1
    edited.set("seed", 3, "data", "evaluation", "seed")
    assert edited.undo_stack.count() == 2
    edited.undo_stack.undo()
    assert edited.value("data", "evaluation") == {"limit": 120}
    edited.undo_stack.undo()
    assert edited.is_empty


def test_adding_rows_are_steps_of_their_own(edited: Document) -> None:
    edited.set("add", [{"id": "a"}], "runtimes")
    edited.set("add", [{"id": "a"}, {"id": "b"}], "runtimes")
    edited.set("remove", None, "runtimes", 0)
    assert edited.value("runtimes") == [{"id": "b"}]
    edited.undo_stack.undo()
    edited.undo_stack.undo()
    assert edited.value("runtimes") == [{"id": "a"}]


def test_the_same_value_is_no_change(edited: Document, qtbot: QtBot) -> None:
    edited.set("limit", 5, "data", "evaluation", "limit")
    with qtbot.assertNotEmitted(edited.changed):
        edited.set("limit", 5, "data", "evaluation", "limit")


def test_callers_cannot_change_it_behind_its_back(edited: Document) -> None:
    edited.set("model", {"path": "/m.onnx"}, "model")
    edited.values["model"]["path"] = "other"
    edited.value("model")["path"] = "other"
    assert edited.value("model", "path") == "/m.onnx"


def test_it_says_what_is_missing(edited: Document, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("m.onnx", "e.npz", "c.npz")]
    for file in files:
        file.touch()
    model, evaluation, calibration = map(str, files)
    assert edited.problem() == "Choose a model first."
    edited.set("model", {"path": model}, "model")
    assert edited.problem() == "Choose evaluation data first."
    edited.set("data", {"kind": "arrays", "path": evaluation}, "data", "evaluation")
    assert edited.problem() == CALIBRATION_MISSING
    edited.set("data", {"kind": "arrays", "path": calibration}, "data", "calibration")
    assert edited.problem() == "Choose at least one runtime first."
    edited.set("runtimes", [{"id": "ort_cpu"}], "runtimes")
    assert edited.problem() == ""
    files[1].unlink()
    assert edited.problem().startswith(f"The evaluation set is gone: {evaluation} is not there.")
    files[1].touch()
    edited.set("gates", 7, "gates", "no_such_gate")
    assert "no_such_gate" in edited.problem()


def test_loading_and_saving_keep_the_study(edited: Document, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    before = load_study(path).file
    edited.load(path)
    assert Path(edited.value("model", "path")).is_absolute()
    assert not edited.is_modified
    edited.save(path)
    assert load_study(path).file == before
    assert not load_study(path).file.model.path.startswith("/")


def test_a_study_that_is_wrong_is_not_taken(edited: Document, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('schema_version = 1\nmodle = {path = "m"}\n[data.evaluation]\npath = "e"\n')
    edited.set("model", {"path": "/m.onnx"}, "model")
    with pytest.raises(StudyError, match="did you mean 'model'"):
        edited.load(tmp_path / "s.toml")
    assert edited.value("model") == {"path": "/m.onnx"}


def test_a_copy_for_another_process_needs_no_data(edited: Document, tmp_path: Path) -> None:
    edited.set("model", {"path": "/m.onnx"}, "model")
    edited.write_copy(tmp_path / "copy.toml", needs_data=False)
    assert load_study(tmp_path / "copy.toml").file.model.path == "/m.onnx"
    assert edited.value("data") is None
    with pytest.raises(StudyError):
        edited.write_copy(tmp_path / "copy.toml")


def test_paths_outside_stay_absolute(tmp_path: Path) -> None:
    values = study_document()
    values["model"] = {"path": "/elsewhere/m.onnx"}
    values["candidates"] = [{"name": "a", "plan": str(tmp_path / "p" / "plan.json")}]
    after = relative_paths(values, tmp_path)
    assert after["model"]["path"] == "/elsewhere/m.onnx"
    assert after["candidates"][0]["plan"] == "p/plan.json"


KEYS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3)


@given(st.lists(st.tuples(KEYS, st.one_of(st.none(), st.just(1))), max_size=6))
def test_removing_what_was_set_leaves_nothing_behind(changes: list[tuple[list[str], int | None]]) -> None:
    """Whatever was set below "x", taking "x" away gives the start; no empty tables stay."""
    values = {"keep": 1}
    for keys, value in changes:
        values = with_value(values, {"v": value} if value else None, ("x", "y", "-".join(keys)))
    assert with_value(values, None, ("x",)) == {"keep": 1}
    assert {} not in values.values()


def test_what_a_command_found_wrong_holds_until_the_table_changes(edited: Document, qtbot: QtBot) -> None:
    edited.set("model", {"path": "a.onnx"}, "model")
    with qtbot.waitSignal(edited.changed):
        edited.note_fault("model", "a.onnx cannot be read")
    assert edited.faulty_step == "model"
    with qtbot.assertNotEmitted(edited.changed):
        edited.note_fault("model", "a.onnx cannot be read")
    edited.set("other", {"path": "b.onnx"}, "model")
    assert edited.faulty_step is None
    edited.undo_stack.undo()
    assert edited.fault("model") == "a.onnx cannot be read"
    edited.note_fault("model", "")
    assert edited.faulty_step is None
