"""Dropping files."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

from workbench.ui.drop_area import DropArea
from workbench.ui.theme import Theme

LEFT, NONE, COPY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction


def test_a_dropped_file_is_passed_on(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    area = DropArea("Drop a model here", "ONNX")
    qtbot.addWidget(area)
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/x"), QUrl.fromLocalFile(str(tmp_path))])
    enter = QDragEnterEvent(QPoint(5, 5), COPY, data, LEFT, NONE)
    area.dragEnterEvent(enter)
    assert enter.isAccepted()
    assert area.property("role") == "drop-active"
    with qtbot.waitSignal(area.dropped) as told:
        area.dropEvent(QDropEvent(QPointF(5, 5), COPY, data, LEFT, NONE))
    assert told.args == [tmp_path]
    assert area.property("role") == "drop"


def test_words_are_not_taken(theme: Theme, qtbot: QtBot) -> None:
    area = DropArea("Drop a model here", "ONNX")
    qtbot.addWidget(area)
    data = QMimeData()
    data.setText("words")
    enter = QDragEnterEvent(QPoint(5, 5), COPY, data, LEFT, NONE)
    enter.ignore()
    area.dragEnterEvent(enter)
    assert not enter.isAccepted()
