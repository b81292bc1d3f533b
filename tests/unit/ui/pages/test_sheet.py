"""The Sheet page: pages as they print, every format, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.desk import desk_of
from helpers.results import all_null, ordinary
from helpers.study_folder import make_study_folder
from helpers.words import nameless, words_of
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from workbench.report.render import FORMATS
from workbench.report.sheet import build_sheet, first_line
from workbench.ui.pages.sheet import NOTHING, SheetPage
from workbench.ui.theme import Theme


@pytest.fixture
def page(qtbot: QtBot, theme: Theme, tmp_path: Path) -> Iterator[SheetPage]:
    """The page, not yet on the screen."""
    with desk_of(theme, tmp_path) as desk:
        made = SheetPage(desk)
        qtbot.addWidget(made)
        made.resize(1048, 800)
        yield made


def test_before_any_result_it_says_what_to_do(page: SheetPage) -> None:
    assert NOTHING in words_of(page)
    assert page.preview.pages == []


def test_pages_are_drawn_once_the_page_is_seen(page: SheetPage, qtbot: QtBot, tmp_path: Path) -> None:
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    assert page.preview.pages == []
    page.show()
    qtbot.waitUntil(lambda: bool(page.preview.pages) and not page.preview.is_loading, timeout=20_000)
    first = page.preview.pages[0]
    assert first.accessibleName() == f"Page 1 of {len(page.preview.pages)}"
    assert 500 < first.pixmap().width() <= page.preview.viewport().width()
    page.resize(900, 800)
    qtbot.waitUntil(lambda: first.pixmap().width() <= page.preview.viewport().width(), timeout=20_000)
    assert page.preview.widget().width() == page.preview.viewport().width()


def test_all_formats_are_written(page: SheetPage, qtbot: QtBot, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    page.export_all.click()
    qtbot.waitUntil(lambda: "Written" in words_of(page), timeout=20_000)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"sheet.{name}" for name in FORMATS)


def test_a_failed_export_is_told(page: SheetPage, qtbot: QtBot, tmp_path: Path) -> None:
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    (tmp_path / "out").write_text("a file")
    with qtbot.waitSignal(page.failed, timeout=20_000) as told:
        page.export_to(tmp_path / "out", ["md"])
    assert told.args[0]


def test_what_is_missing_is_listed(page: SheetPage) -> None:
    page.show_result(all_null(), None)
    words = words_of(page)
    for entry in build_sheet(all_null()).not_disclosed:
        assert entry in words


def test_the_line_for_a_slide_is_there_and_names_are_too(page: SheetPage, qtbot: QtBot) -> None:
    page.show_result(ordinary(), None)
    assert first_line(build_sheet(ordinary())) in words_of(page)
    page.show()
    assert "no study folder" in words_of(page)
    assert not page.export_all.isEnabled()
    assert nameless(page) == []
