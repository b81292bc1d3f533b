"""A name or path on one line: where there is no room its middle is left out, and the tool tip has the whole."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

LEAST_PX = 60


class ElidedLabel(QLabel):
    """Shows one line; `text` is always the whole of it."""

    def __init__(self, text: str = "", role: str = "mono") -> None:
        super().__init__()
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def text(self) -> str:
        """Return the whole text."""
        return self._whole

    def setText(self, text: str) -> None:  # noqa: N802  (Qt's name)
        """Show another text."""
        self._whole = text
        self.setAccessibleName(text)
        self._fit()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the size of the whole text on one line."""
        return QSize(
            self.fontMetrics().horizontalAdvance(self._whole) + self.width() - self.contentsRect().width() + 2,
            super().sizeHint().height(),
        )

    def minimumSizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the size below which nothing could be read."""
        return QSize(LEAST_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Fit the text to the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(
            self._whole, Qt.TextElideMode.ElideMiddle, max(self.contentsRect().width(), LEAST_PX)
        )
        super().setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")
