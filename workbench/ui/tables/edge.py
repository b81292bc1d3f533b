"""The mark of a table that goes on to the right: its columns fade out at the edge until they are scrolled there."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QTableView, QWidget

from workbench.ui.theme import Theme
from workbench.ui.widgets import connect_theme

EDGE_PX = 36


class Edge(QWidget):
    """Lies above the right edge of a table, there while columns lie beyond it; the table calls `place` on resize."""

    def __init__(self, theme: Theme, table: QTableView) -> None:
        super().__init__(table)
        self._theme, self._table = theme, table
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        bar = table.horizontalScrollBar()
        bar.valueChanged.connect(self.place)
        bar.rangeChanged.connect(self.place)
        connect_theme(theme, self, self.update)
        self.place()

    def place(self) -> None:
        """Go to the edge, or away where nothing lies beyond it."""
        bar, seen = self._table.horizontalScrollBar(), self._table.viewport().geometry()
        self.setVisible(bar.value() < bar.maximum())
        self.setGeometry(QRect(seen.right() + 1 - EDGE_PX, 0, EDGE_PX, seen.bottom() + 1))
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Fade to the colour of the card."""
        ground = QColor(self._theme.tokens.surface)
        clear = QColor(ground)
        clear.setAlpha(0)
        fade = QLinearGradient(0, 0, self.width(), 0)
        fade.setColorAt(0, clear)
        fade.setColorAt(1, ground)
        painter = QPainter(self)
        painter.fillRect(self.rect(), fade)
        painter.end()
