"""The header of a table: titles on up to two lines, their unit below, the arrow of the sorted column."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QWidget

from workbench.ui.tables.metrics import PAD_X, PAD_Y, Metrics
from workbench.ui.tables.model import TableModel
from workbench.ui.theme import Theme


class Header(QHeaderView):
    """Headings on up to two lines with their unit below; nothing is ever cut off. A third click gives up sorting."""

    def __init__(self, theme: Theme, metrics: Metrics, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme, self._metrics = theme, metrics
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setMinimumSectionSize(36)
        self.setSortIndicatorClearable(True)
        self.setAccessibleName("Columns; press one to sort by it")

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the height that the headings need."""
        model = self._table_model()
        if model is None:
            return super().sizeHint()
        widths = [self.sectionSize(column) for column in range(len(model.headings))]
        return QSize(super().sizeHint().width(), self._metrics.header_height(model.headings, widths))

    def clipped(self) -> list[str]:
        """Return the headings that do not fit into their column; there should be none."""
        model = self._table_model()
        pairs = enumerate(model.headings) if model else []
        return [
            heading.title
            for column, heading in pairs
            if self._metrics.heading_width(heading) > self.sectionSize(column) - 2 * PAD_X
        ]

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:  # noqa: N802, N803  (Qt's names)
        """Paint title, unit, and the arrow of the sorted column."""
        model = self._table_model()
        if model is None or not rect.isValid() or logicalIndex >= len(model.headings):
            return
        tokens, heading = self._theme.tokens, model.headings[logicalIndex]
        painter.save()
        painter.fillRect(rect, QColor(tokens.surface))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, QColor(tokens.border))
        inner = rect.adjusted(PAD_X, PAD_Y, -PAD_X, -PAD_Y)
        side = Qt.AlignmentFlag.AlignRight if heading.right else Qt.AlignmentFlag.AlignLeft
        unit = self._metrics.of(self._metrics.sub).lineSpacing() if heading.unit else 0
        column, descending = model.sorted_by
        painter.setFont(self._metrics.head)
        painter.setPen(QColor(tokens.accent if column == logicalIndex else tokens.text))
        flags = int(side | Qt.AlignmentFlag.AlignBottom)
        painter.drawText(
            inner.adjusted(0, 0, 0, -unit), flags, "\n".join(self._metrics.heading_lines(heading, rect.width()))
        )
        painter.setFont(self._metrics.sub)
        painter.setPen(QColor(tokens.muted))
        painter.drawText(inner, flags | int(Qt.TextFlag.TextSingleLine), heading.unit)
        if column == logicalIndex:
            self._paint_arrow(painter, rect, descending=descending)
        painter.restore()

    def _paint_arrow(self, painter: QPainter, rect: QRect, *, descending: bool) -> None:
        painter.setPen(QPen(QColor(self._theme.tokens.accent), 1.6))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x, y, step = rect.center().x(), rect.top() + 5, 3 if descending else -3
        painter.drawLine(x - 4, y - step // 2, x, y + step - step // 2)
        painter.drawLine(x, y + step - step // 2, x + 4, y - step // 2)

    def _table_model(self) -> TableModel | None:
        model = self.model()
        return model if isinstance(model, TableModel) else None
