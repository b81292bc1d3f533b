"""Tab in the whole window: every step's page from top to bottom, nothing left out, a name on everything."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.results import ordinary
from helpers.studies import document, write_study
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from workbench.files import write_json_atomic
from workbench.ui.page_registry import PAGES
from workbench.ui.window import Window

MOST_STOPS = 300
WAIT_MS = 30_000


@pytest.fixture
def filled(window: Window, qtbot: QtBot, tmp_path: Path) -> Window:
    """The window with a study and a result open, so that pages show all their parts."""
    write_study(tmp_path, document(({"id": "ort_cpu"}, {"id": "ort_cpu", "name": "second"})))
    write_json_atomic(tmp_path / "result.json", ordinary().model_dump(mode="json"))
    window.open_path(tmp_path)
    assert window.errors.isHidden(), window.errors.text()
    window.activateWindow()
    return window


def _show(window: Window, key: str, qtbot: QtBot) -> QWidget:
    window.show_page(key)
    qtbot.waitUntil(lambda: window.desk.bridge.running == 0, timeout=WAIT_MS)
    return window.page(key)


def _takes_tab(widget: QWidget) -> bool:
    is_there = widget.isVisible() and widget.isEnabled()
    return is_there and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None


def _round_trip(window: Window, qtbot: QtBot) -> list[QWidget]:
    """Press Tab until the focus is where it was."""
    window.rail.buttons["model"].setFocus()
    seen: list[QWidget] = []
    for _ in range(MOST_STOPS):
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in seen:
            return seen
        seen.append(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    raise AssertionError("Tab does not come back")


def _rect(widget: QWidget, page: QWidget) -> QRect:
    return QRect(widget.mapTo(page, QPoint(0, 0)), widget.size())


def _words(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.accessibleName()!r}"


def _is_wrong(before: QRect, after: QRect) -> bool:
    """Whether `after` stands in the same line left of `before`, or in the same column above it."""
    is_line = before.top() < after.bottom() and after.top() < before.bottom()
    is_column = before.left() < after.right() and after.left() < before.right()
    return (is_line and after.right() < before.left()) or (is_column and not is_line and after.bottom() < before.top())


@pytest.mark.parametrize("key", sorted(PAGES))
def test_tab_reaches_everything_from_top_to_bottom(filled: Window, qtbot: QtBot, key: str) -> None:
    page = _show(filled, key, qtbot)
    seen = _round_trip(filled, qtbot)
    wanted = [widget for widget in page.findChildren(QWidget) if _takes_tab(widget)]
    assert wanted
    assert [_words(widget) for widget in wanted if widget not in seen] == []
    own = [widget for widget in seen if page.isAncestorOf(widget)]
    rects = [_rect(widget, page) for widget in own]
    wrong = [(_words(own[i]), _words(own[i + 1])) for i in range(len(own) - 1) if _is_wrong(rects[i], rects[i + 1])]
    assert wrong == []
    assert [_words(widget) for widget in seen if not (widget.accessibleName() or getattr(widget, "text", str)())] == []


def test_a_row_that_came_later_takes_its_place(filled: Window, qtbot: QtBot) -> None:
    page = _show(filled, "runtimes", qtbot)
    rows = filled.desk.document.value("runtimes")
    filled.desk.document.set("add", [*rows, {"id": "ort_cpu", "name": "third"}], "runtimes")
    qtbot.waitUntil(lambda: any(one.accessibleName() == "Row 3: name" for one in page.findChildren(QLineEdit)))
    QApplication.processEvents()
    names = [widget.accessibleName() for widget in _round_trip(filled, qtbot) if page.isAncestorOf(widget)]
    third, adding = names.index("Row 3: name"), next(i for i, name in enumerate(names) if name.startswith("Add a row"))
    assert names.index("Row 2: name") < third < adding
    filled.desk.document.undo_stack.setClean()
