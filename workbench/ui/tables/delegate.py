"""Paints cells: figure, interval and word below each other, verdicts with a sign and colour, heat as background."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from workbench.ui.tables.metrics import BEST_MARK, DOT_PX, PAD_X, PAD_Y, Metrics
from workbench.ui.tables.model import TableModel
from workbench.ui.tables.rows import TableCell, TableRow
from workbench.ui.theme import Theme
from workbench.ui.tokens import blend

STATE_TOKENS = {"pass": "ok", "fail": "bad", "unknown": "warn", "none": "neutral", "missing": "neutral"}


class CellDelegate(QStyledItemDelegate):
    """Paints the cells of a TableModel in the theme's colours."""

    def __init__(self, theme: Theme, metrics: Metrics, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme, self._metrics = theme, metrics

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one cell."""
        model = index.model()
        assert isinstance(model, TableModel)
        row, cell = model.row(index.row()), model.cell(index.row(), index.column())
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        self._paint_ground(painter, rect, row, cell, selected=bool(state & QStyle.StateFlag.State_Selected))
        inner = rect.adjusted(PAD_X, PAD_Y, -PAD_X, -PAD_Y)
        if row.is_heading:
            self._paint_group(painter, inner, row)
        elif row.message and index.column() >= 2:
            self._text(painter, inner, row.message, self._metrics.sub, "muted", right=False, middle=True)
        else:
            self._paint_cell(painter, inner, row, cell, right=model.headings[index.column()].right)
        if state & QStyle.StateFlag.State_HasFocus and not row.is_heading:
            painter.setPen(QPen(self._colour("accent"), 1))
            painter.drawRoundedRect(QRectF(rect).adjusted(1.5, 1.5, -1.5, -1.5), 4, 4)
        painter.restore()

    def _paint_ground(self, painter: QPainter, rect: QRect, row: TableRow, cell: TableCell, *, selected: bool) -> None:
        if selected:
            painter.fillRect(rect, self._colour("accent_soft"))
        elif row.is_heading:
            painter.fillRect(rect, self._colour("surface"))
        elif cell.heat is not None:
            tokens = self._theme.tokens
            strong = tokens.heat_good if cell.heat > 0 else tokens.heat_bad
            painter.setBrush(QColor(blend(strong, tokens.surface, min(abs(cell.heat), 1.0))))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(QRectF(rect).adjusted(2, 2, -2, -2), 4, 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        strong_line = row.is_heading and row.is_below_line
        if strong_line:
            painter.fillRect(rect.left(), rect.top(), rect.width(), 2, self._colour("strong_border"))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, self._colour("border"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_group(self, painter: QPainter, inner: QRect, row: TableRow) -> None:
        rect = inner.adjusted(0, 3 if row.is_below_line else 0, 0, 0)
        self._text(painter, rect, row.cells[0].main, self._metrics.group, "muted", right=False, middle=True)

    def _paint_cell(self, painter: QPainter, inner: QRect, row: TableRow, cell: TableCell, *, right: bool) -> None:
        font = self._metrics.font_of(cell, row)
        colour = STATE_TOKENS.get(cell.state) or ("muted" if row.style == "muted" or cell.is_missing else "text")
        if cell.state:
            self._sign(painter, inner, cell.state)
            inner = inner.adjusted(DOT_PX, 0, 0, 0)
        text = (BEST_MARK if cell.best else "") + cell.main
        used = self._text(painter, inner, text, font, colour, right=right)
        for line in (cell.sub, cell.note):
            if line:
                inner = inner.adjusted(0, used, 0, 0)
                used = self._text(painter, inner, line, self._metrics.sub, "muted", right=right)

    def _sign(self, painter: QPainter, inner: QRect, state: str) -> None:
        """Paint a verdict's sign, so that it is never colour alone: disc, cross, triangle, ring, dash."""
        centre = QPointF(inner.left() + 4.5, inner.top() + self._metrics.of(self._metrics.strong).lineSpacing() / 2)
        colour = self._colour(STATE_TOKENS[state])
        painter.setPen(QPen(colour, 1.8))
        painter.setBrush(colour if state in ("pass", "unknown") else Qt.BrushStyle.NoBrush)
        x, y, r = centre.x(), centre.y(), 3.6
        if state in ("pass", "none"):
            painter.drawEllipse(centre, r, r)
        elif state == "fail":
            painter.drawLine(QPointF(x - r, y - r), QPointF(x + r, y + r))
            painter.drawLine(QPointF(x - r, y + r), QPointF(x + r, y - r))
        elif state == "unknown":
            painter.drawPolygon(QPolygonF([QPointF(x, y - r), QPointF(x + r, y + r), QPointF(x - r, y + r)]))
        else:
            painter.drawLine(QPointF(x - r, y), QPointF(x + r, y))

    def _text(
        self,
        painter: QPainter,
        rect: QRect,
        text: str,
        font: QFont,
        colour: str,
        *,
        right: bool,
        middle: bool = False,
    ) -> int:
        """Paint a text, wrapped where it stands to the left; returns the height it took."""
        painter.setFont(font)
        painter.setPen(self._colour(colour))
        lines = [text] if right else self._metrics.lines(text, font, rect.width())
        across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        step = self._metrics.of(font).lineSpacing()
        top = rect.top() + (max(0, rect.height() - step * len(lines)) // 2 if middle else 0)
        for number, line in enumerate(lines):
            place = QRect(rect.left(), top + number * step, rect.width(), step)
            painter.drawText(place, int(across | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextSingleLine), line)
        return step * len(lines)

    def _colour(self, name: str) -> QColor:
        return QColor(self._theme.tokens.colour(name))
