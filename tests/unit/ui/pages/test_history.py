"""The History page: listed, searched, opened, compared, removed; gone folders and refusals are said in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.desk import desk_of
from helpers.study_folder import make_study_folder
from helpers.words import nameless, words_of
from PySide6.QtCore import QItemSelectionModel, Qt
from pytestqt.qtbot import QtBot

from workbench.execution.history import Entry, History
from workbench.files import write_json_atomic
from workbench.ui.pages.history import EMPTY, HistoryPage, local_time
from workbench.ui.remember import remember
from workbench.ui.theme import Theme


@pytest.fixture
def page(qtbot: QtBot, theme: Theme, tmp_path: Path) -> Iterator[HistoryPage]:
    """The page over a history of the test's own."""
    with desk_of(theme, tmp_path) as desk:
        made = HistoryPage(desk, History(tmp_path / "history.sqlite"))
        qtbot.addWidget(made)
        made.resize(1048, 700)
        made.show()
        qtbot.waitExposed(made)
        yield made


def _add(page: HistoryPage, folder: Path) -> Path:
    remember(History(page._history.path), make_study_folder(folder), folder)
    return folder


def _choose(page: HistoryPage, *positions: int) -> None:
    model, chooser = page.panel.view.rows_model, page.panel.view.selectionModel()
    chooser.clearSelection()
    for position in positions:
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        chooser.select(model.index(position, 0), flags)


def test_an_empty_history_says_so(page: HistoryPage) -> None:
    assert EMPTY in words_of(page)
    assert not page.panel.isVisible()


def test_studies_are_listed_and_searched(page: HistoryPage, qtbot: QtBot, tmp_path: Path) -> None:
    _add(page, tmp_path / "one")
    _add(page, tmp_path / "two")
    page.refresh()
    assert page.panel.view.rows_model.total == 2
    qtbot.keyClicks(page.panel.search, "two ship")
    assert page.panel.view.rows_model.shown == 1
    page.refresh()
    assert page.panel.view.rows_model.shown == 1
    assert page.panel.view.columns.clipped() == []
    assert nameless(page) == []


def test_a_study_is_opened_with_enter(page: HistoryPage, qtbot: QtBot, tmp_path: Path) -> None:
    folder = _add(page, tmp_path / "one")
    page.refresh()
    page.panel.select(0)
    with qtbot.waitSignal(page.open_requested, timeout=1000) as told:
        qtbot.keyClick(page.panel.view, Qt.Key.Key_Return)
    assert told.args == [folder]


def test_a_folder_that_is_gone_is_said_so(page: HistoryPage, qtbot: QtBot, tmp_path: Path) -> None:
    page._history.add(Entry(tmp_path / "gone", "old", "m", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "ship"))
    page.refresh()
    assert "folder is gone" in page.panel.view.rows_model.row(0).text
    page.panel.select(0)
    assert not page.open_button.isEnabled()
    with qtbot.waitSignal(page.failed, timeout=1000):
        qtbot.keyClick(page.panel.view, Qt.Key.Key_Return)


def test_two_are_compared_and_one_goes_back(page: HistoryPage, tmp_path: Path) -> None:
    _add(page, tmp_path / "one")
    _add(page, tmp_path / "two")
    page.refresh()
    _choose(page, 0)
    assert not page.compare_button.isEnabled()
    _choose(page, 0, 1)
    page.compare_button.click()
    assert page.comparison is not None
    assert page.comparison.isVisible()
    assert "ONNX Runtime #1" in words_of(page.comparison)
    page._back()
    assert page.panel.isVisible()


def test_what_cannot_be_compared_is_refused_in_words(page: HistoryPage, qtbot: QtBot, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    make_study_folder(one)
    result = make_study_folder(two)
    other = result.data["evaluation"].model_copy(update={"sha256": "0" * 64})
    changed = result.model_copy(update={"data": {**result.data, "evaluation": other}})
    write_json_atomic(two / "result.json", changed.model_dump(mode="json"))
    with qtbot.waitSignal(page.failed, timeout=1000) as told:
        page.compare([one, two])
    assert "cannot be compared" in told.args[0]


def test_removing_from_the_list_leaves_the_folder(page: HistoryPage, tmp_path: Path) -> None:
    folder = _add(page, tmp_path / "one")
    page.refresh()
    page.panel.select(0)
    page.forget_button.click()
    assert page.panel.view.rows_model.total == 0
    assert (folder / "result.json").is_file()


def test_a_damaged_history_is_told_not_raised(page: HistoryPage, qtbot: QtBot) -> None:
    page._history.path.write_bytes(b"not a database" * 100)
    with qtbot.waitSignal(page.failed, timeout=1000) as told:
        page.refresh()
    assert "damaged" in told.args[0]


def test_moments_are_local_and_never_break(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_time("2026-11-20T10:00:00Z").count("\N{NO-BREAK SPACE}") == 1
    assert local_time("some day") == "some day"
