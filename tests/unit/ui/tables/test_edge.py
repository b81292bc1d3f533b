"""The mark of a table whose columns go on to the right."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.ui.tables.rows import Heading, text_row
from workbench.ui.tables.view import TableView
from workbench.ui.theme import Theme


def test_it_is_there_while_columns_lie_beyond_it(qtbot: QtBot, theme: Theme) -> None:
    view = TableView(theme, "wide")
    qtbot.addWidget(view)
    view.set_rows([Heading(f"Column {n}", right=True) for n in range(12)], [text_row(*["12345"] * 12)])
    view.resize(300, 200)
    view.show()
    view.fit_columns()
    QApplication.processEvents()
    assert view.edge.isVisible()
    assert view.edge.geometry().right() == view.viewport().geometry().right()
    for mode in ("dark", "light"):
        theme.set_mode("dark" if mode == "dark" else "light")
        picture, at = view.grab().toImage(), view.edge.geometry()
        line = view.viewport().y() + view.rowHeight(0) - 1
        ends = [QColor(picture.pixel(x, line)) for x in (at.left() - 1, at.right())]
        assert [_is_near(found, theme.tokens.border) for found in ends] == [True, False]
        assert _is_near(ends[1], theme.tokens.surface)
    view.horizontalScrollBar().setValue(view.horizontalScrollBar().maximum())
    assert not view.edge.isVisible()
    view.resize(3000, 200)
    QApplication.processEvents()
    assert not view.edge.isVisible()


def _is_near(found: QColor, wanted: str) -> bool:
    pairs = zip(found.getRgb()[:3], QColor(wanted).getRgb()[:3], strict=True)  # type: ignore[arg-type]
    return max(abs(one - other) for one, other in pairs) <= 2
