"""Everything a study file can say, the window can say: each key has an editor that writes it, can be undone, saves."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from helpers.studies import write_study
from helpers.study_keys import EDITORS, NOT_EDITED, expected, keys_of, place_of, start, use
from pydantic import BaseModel
from PySide6.QtWidgets import QWidget

from workbench.errors import UserError
from workbench.execution.study import StudyFile, load_study
from workbench.ui.commands import Bridge
from workbench.ui.window import Window

PAGES = ("model", "data", "scheme", "runtimes", "run")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything a dialog may be answered with; no command is started."""
    monkeypatch.setattr(Bridge, "run", lambda *_, **__: SimpleNamespace(cancel=lambda: None))
    folder = tmp_path / "work"
    write_study(folder).unlink()
    shutil.copyfile(folder / "net.onnx", folder / "other.onnx")
    shutil.copyfile(folder / "evaluation.npz", folder / "more.npz")
    (folder / "pictures").mkdir()
    (folder / "plan.json").write_text("{}", encoding="utf-8")
    return folder


def test_every_key_has_an_editor() -> None:
    keys = set(keys_of(StudyFile))
    assert keys - set(EDITORS) - set(NOT_EDITED) == set()
    assert (set(EDITORS) | set(NOT_EDITED)) - keys == set()


def test_a_new_key_would_be_missed() -> None:
    class Later(StudyFile):
        extra: int = 0

    class Deep(BaseModel):
        tables: list[Later] | None = None

    assert set(keys_of(Later)) - set(keys_of(StudyFile)) == {"extra"}
    assert "extra" not in {*EDITORS, *NOT_EDITED}
    assert {"tables.extra", "tables.preprocess.letterbox.pad"} <= set(keys_of(Deep))


@pytest.mark.parametrize("page", PAGES)
def test_each_editor_writes_its_key_is_undone_and_saved(
    window: Window, workplace: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    defects = {
        key: defect
        for key, editor in EDITORS.items()
        if editor.page == page and (defect := _defect(window, key, workplace, monkeypatch))
    }
    window.desk.document.undo_stack.setClean()
    assert defects == {}


def _defect(window: Window, key: str, workplace: Path, patch: pytest.MonkeyPatch) -> str:
    """Use a key's editor; return what is wrong, "" when nothing is."""
    editor, place, document = EDITORS[key], place_of(key), window.desk.document
    shown: QWidget = start(window, editor, workplace)
    before, wanted = document.values, expected(editor, workplace)
    if document.value(*place) == wanted:
        return f"says {wanted!r} before it is used"
    try:
        use(shown, editor, workplace, patch)
    except AssertionError as error:
        return str(error)
    if document.value(*place) != wanted:
        return f"{document.value(*place)!r} instead of {wanted!r}"
    try:
        saved = _saved(window, place, workplace)
    except UserError as error:
        return str(error)
    if saved != wanted:
        return f"saved as {saved!r}"
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    return "" if document.values == before else "undo does not bring back what was there"


def _saved(window: Window, place: tuple[str | int, ...], workplace: Path) -> object:
    """Return what the study file says, defaults that it leaves out included."""
    path = workplace / "study.toml"
    window.desk.document.write_copy(path)
    found: Any = load_study(path).file.model_dump(mode="json")
    for key in place:
        found = found[key]
    return found
