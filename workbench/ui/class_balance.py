"""How many samples each class has: one bar per class, named under the pointer; however many classes there are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.ui.theme import Theme
from workbench.ui.widgets import connect_theme

HEIGHT_PX = 56
GAP_FROM_PX = 4.0


class ClassBalance(QWidget):
    """Bars in class order, the tallest as high as the widget; hidden while there is nothing to show."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._classes: list[tuple[str, int]] = []
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        connect_theme(theme, self, self.update)
        self.hide()

    def set_classes(self, classes: Sequence[Sequence[object]]) -> None:
        """Show (name, count) pairs."""
        self._classes = [(str(name), int(str(count))) for name, count in classes]
        self.setAccessibleDescription(", ".join(f"{name} {count}" for name, count in self._classes[:20]))
        self.setVisible(bool(self._classes))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return a fixed height."""
        return QSize(120, HEIGHT_PX)

    def text_at(self, x: float) -> str:
        """Return name and count of the class at a horizontal position, "" beside the bars."""
        place = int(x * len(self._classes) / max(1, self.width()))
        if not 0 <= place < len(self._classes):
            return ""
        name, count = self._classes[place]
        return f"{name}: {count:,}"

    def event(self, event: QEvent) -> bool:
        """Name the class under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.text_at(event.pos().x()), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Paint the bars on a base line."""
        painter = QPainter(self)
        tokens = self._theme.tokens
        most = max((count for _, count in self._classes), default=1) or 1
        step = self.width() / max(1, len(self._classes))
        gap = 1.0 if step >= GAP_FROM_PX else 0.0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.accent))
        for place, (_, count) in enumerate(self._classes):
            high = (self.height() - 1) * count / most
            painter.drawRect(QRectF(place * step, self.height() - 1 - high, max(1.0, step - gap), high))
        painter.fillRect(0, self.height() - 1, self.width(), 1, QColor(tokens.strong_border))
        painter.end()
