"""Two parts of a page side by side, one below the other where the page is narrow."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLayout, QWidget

from workbench.ui.tokens import GAP_PX
from workbench.ui.widgets import column

NARROW_PX = 900


class Halves(QWidget):
    """Changes sides for below where its width demands it, so that it never widens a page."""

    def __init__(
        self,
        left: QWidget,
        right: QWidget,
        *,
        narrow_px: int = NARROW_PX,
        spacing: int = GAP_PX,
        shares: tuple[int, int] = (1, 1),
    ) -> None:
        """Put two widgets side by side.

        Args:
            narrow_px: width below which they stand below each other. shares: how they share a width above it.
        """
        super().__init__()
        self._left, self._right, self._narrow_px = left, right, narrow_px
        self._shares = shares
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(spacing)
        self._grid.setVerticalSpacing(GAP_PX)
        self._is_wide = True
        self._place()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the least size: as narrow as the two below each other."""
        items = (self._grid.itemAt(place) for place in range(self._grid.count()))
        widest = max((item.minimumSize().width() for item in items if item is not None), default=0)
        return QSize(widest, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Change sides for below where the width demands it."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= self._narrow_px
        if is_wide != self._is_wide:
            self._is_wide = is_wide
            self._place()

    def _place(self) -> None:
        self._grid.addWidget(self._left, 0, 0)
        self._grid.addWidget(self._right, *((0, 1) if self._is_wide else (1, 0)))
        self._grid.setColumnStretch(0, self._shares[0])
        self._grid.setColumnStretch(1, self._shares[1] if self._is_wide else 0)


def half(*items: QWidget | QLayout | None) -> QWidget:
    """Return one half made of several parts, one below the other; None is a stretch."""
    made = QWidget()
    made.setLayout(column(*items))
    return made
