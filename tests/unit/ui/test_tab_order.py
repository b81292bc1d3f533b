"""Tab order follows the layouts: rows, nested ones, scroll areas, stacks, and parts made last but placed first."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QScrollArea, QStackedWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.tab_order import in_order, set_tab_order


def _page() -> tuple[QWidget, list[QLineEdit]]:
    fields = [QLineEdit() for _ in range(5)]
    page, scroll, content, stack = QWidget(), QScrollArea(), QWidget(), QStackedWidget()
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    outside, inner, row = QVBoxLayout(page), QVBoxLayout(content), QHBoxLayout()
    inner.addWidget(fields[3])
    stack.addWidget(fields[4])
    row.addWidget(fields[1])
    row.addWidget(QLabel("no focus"))
    row.addWidget(fields[2])
    scroll.setWidget(content)
    outside.addWidget(scroll)
    outside.addWidget(stack)
    outside.insertLayout(0, row)
    outside.insertWidget(0, fields[0])
    return page, fields


def test_layouts_give_the_order(qtbot: QtBot) -> None:
    page, fields = _page()
    qtbot.addWidget(page)
    assert in_order(page) == fields


def test_tab_follows_it(qtbot: QtBot) -> None:
    page, fields = _page()
    qtbot.addWidget(page)
    set_tab_order(page)
    page.show()
    fields[0].setFocus()
    seen = []
    for _ in fields:
        seen.append(page.focusWidget())
        qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Tab)
    assert seen == fields
