"""The table itself: a header of two lines and a unit, columns fitted to their texts, sort, filter, copy by keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTableView, QVBoxLayout, QWidget

from workbench.ui.tables.delegate import CellDelegate
from workbench.ui.tables.metrics import MEASURED_ROWS, PAD_X, PAD_Y, Metrics
from workbench.ui.tables.model import TableModel, as_text
from workbench.ui.tables.rows import Heading, TableRow
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, connect_theme, label, row, themed_icon

SPANNED_ROWS = 2000
FRAME_PX = 0


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


class TableView(QTableView):
    """Shows a TableModel.

    Attributes:
        chosen: a row was double-clicked or Enter was pressed on it; its TableRow.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, name: str, *, grows: bool = False) -> None:
        """Make an empty table.

        Args:
            name: for screen readers. grows: as high as its rows, inside a page that scrolls.
        """
        super().__init__()
        self._theme, self._grows = theme, grows
        self._metrics = Metrics()
        self.rows_model = TableModel(self)
        self.columns = Header(theme, self._metrics, self)
        self.setHorizontalHeader(self.columns)
        self.setModel(self.rows_model)
        self.setItemDelegate(CellDelegate(theme, self._metrics, self))
        self.setAccessibleName(name)
        self._set_up()
        self.rows_model.arranged.connect(self._rearrange)
        self.columns.sortIndicatorChanged.connect(self.rows_model.sort)
        connect_theme(theme, self, lambda: (self.viewport().update(), self.columns.viewport().update()))

    def set_rows(self, headings: Sequence[Heading], rows: Sequence[TableRow]) -> None:
        """Show other rows; columns are fitted to them."""
        self.columns.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.rows_model.set_rows(headings, rows)
        self.fit_columns()

    def fit_columns(self) -> None:
        """Give every column the width its texts need, and share what is left over."""
        model = self.rows_model
        count = min(model.rowCount(), MEASURED_ROWS)
        measured = [model.row(position) for position in range(count)]
        plain = [entry for entry in measured if not entry.is_heading]
        cells = [
            [(r, r.cells[c]) for r in plain if c < len(r.cells) and not (r.message and c >= 2)]
            for c in range(len(model.headings))
        ]
        needed = list(map(self._metrics.column_width, model.headings, cells))
        least = list(map(self._metrics.least_width, model.headings, cells))
        for column, width in enumerate(_fitted(needed, least, self.viewport().width(), model.headings)):
            self.columns.resizeSection(column, width)
        self.columns.geometriesChanged.emit()
        self._fit_rows()

    def copy(self) -> None:
        """Copy what is selected, or everything, as tab-separated text with headings."""
        chosen = self.selectionModel().selectedIndexes()
        positions = sorted({index.row() for index in chosen}) or list(range(self.rows_model.rowCount()))
        columns = sorted({index.column() for index in chosen}) or list(range(self.rows_model.columnCount()))
        QGuiApplication.clipboard().setText(as_text(self.rows_model, positions, columns))

    def chosen_rows(self) -> list[TableRow]:
        """Return the selected rows from top to bottom."""
        positions = sorted({index.row() for index in self.selectionModel().selectedIndexes()})
        return [self.rows_model.row(position) for position in positions]

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the height of all rows where the table grows with them."""
        return QSize(super().sizeHint().width(), self._full_height()) if self._grows else super().sizeHint()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the least size; a growing table never scrolls by itself."""
        return QSize(120, self._full_height()) if self._grows else QSize(120, 96)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            QTimer.singleShot(0, self, self.fit_columns)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  (Qt's name)
        """Mark the first row where none is chosen yet, so that the keyboard has a place to start from."""
        super().focusInEvent(event)
        current = self.currentIndex()
        if self.rows_model.shown and (not current.isValid() or self.rows_model.row(current.row()).is_heading):
            first = next(i for i in range(self.rows_model.rowCount()) if not self.rows_model.row(i).is_heading)
            flags = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self.rows_model.index(first, 0), flags)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  (Qt's name)
        """Copy, or choose the current row; all other keys move as in any table."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
        else:
            super().keyPressEvent(event)

    def _set_up(self) -> None:
        self.setStyleSheet("QTableView, QTableView:focus { border: none; border-radius: 0px; }")
        self.setShowGrid(False)
        self.setWordWrap(True)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(False)
        self.columns.setSortIndicatorShown(True)
        self.verticalHeader().hide()
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        if self._grows:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.doubleClicked.connect(lambda index: self.chosen.emit(self.rows_model.row(index.row())))
        for key, slot in (
            (QKeySequence(QKeySequence.StandardKey.Copy), self.copy),
            (QKeySequence("Return"), self._choose),
        ):
            shortcut = QShortcut(key, self, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(slot)
        action = QAction("Copy with headings", self)
        action.triggered.connect(self.copy)
        self.addAction(action)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def _choose(self) -> None:
        index = self.currentIndex()
        if index.isValid() and not self.rows_model.row(index.row()).is_heading:
            self.chosen.emit(self.rows_model.row(index.row()))

    def _rearrange(self) -> None:
        self.selectionModel().clear()
        self._fit_rows()

    def _fit_rows(self) -> None:
        """Give rows their heights and let headings and messages span; big tables have rows of one height."""
        model = self.rows_model
        widths = [self.columns.sectionSize(column) for column in range(model.columnCount())]
        self.clearSpans()
        if model.rowCount() > SPANNED_ROWS:
            first = [
                self._metrics.row_height(model.row(i), model.headings, widths) for i in range(min(50, model.rowCount()))
            ]
            self.verticalHeader().setDefaultSectionSize(max(first, default=30))
        for position in range(model.rowCount() if model.rowCount() <= SPANNED_ROWS else 0):
            entry = model.row(position)
            self.setRowHeight(position, self._metrics.row_height(entry, model.headings, widths))
            if entry.is_heading and len(widths) > 1:
                self.setSpan(position, 0, 1, len(widths))
            elif entry.message and len(widths) > 3:
                self.setSpan(position, 2, 1, len(widths) - 2)
        self.updateGeometry()

    def _full_height(self) -> int:
        rows = sum(self.rowHeight(position) for position in range(min(self.rows_model.rowCount(), SPANNED_ROWS)))
        bar = self.horizontalScrollBar()
        extra = bar.sizeHint().height() if bar.maximum() > 0 else 0
        return self.columns.sizeHint().height() + rows + extra + FRAME_PX


class TablePanel(QWidget):
    """A table with its search field, the number of rows shown and a copy button."""

    def __init__(self, theme: Theme, name: str, *, grows: bool = False) -> None:
        super().__init__()
        self.view = TableView(theme, name, grows=grows)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter rows")
        self.search.setAccessibleName(f"Filter rows of {name}")
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(240)
        self.search.textChanged.connect(self.view.rows_model.set_search)
        self.count = label("", "small")
        copy = themed_icon(button("Copy table", self.view.copy, "quiet", f"Copy {name}"), theme, "copy", "muted", 14)
        self.bar = row(self.search, self.count, None, copy, spacing=10)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        inside.addLayout(self.bar)
        inside.addWidget(self.view, 1)
        self.view.rows_model.arranged.connect(self._counted)
        QWidget.setTabOrder(self.search, copy)
        QWidget.setTabOrder(copy, self.view)

    def set_rows(self, headings: Sequence[Heading], rows: Sequence[TableRow]) -> None:
        """Show other rows; the search field is emptied."""
        self.search.clear()
        self.view.set_rows(headings, rows)

    def select(self, position: int) -> None:
        """Select one row."""
        index = self.view.rows_model.index(position, 0)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.view.selectionModel().setCurrentIndex(index, flags)

    def _counted(self) -> None:
        model = self.view.rows_model
        self.count.setText("" if model.shown == model.total else f"{model.shown:,} of {model.total:,} rows")


def _fitted(needed: Sequence[int], least: Sequence[int], room: int, headings: Sequence[Heading]) -> list[int]:
    """Fit columns into a width: the widest columns of words give first, down to a common width; figures never do.

    What is left over is shared in proportion to the widths.
    """
    floors = [n if h.right else min(n, m) for n, m, h in zip(needed, least, headings, strict=True)]
    level = max(needed, default=0)
    while level > 0 and sum(_cut(needed, floors, level)) > max(room, sum(floors)):
        level -= 1
    widths = _cut(needed, floors, level)
    left, total = room - sum(widths), sum(widths)
    if left <= 0 or total == 0:
        return widths
    shared = [width + left * width // total for width in widths]
    shared[-1] += room - sum(shared)
    return shared


def _cut(needed: Sequence[int], floors: Sequence[int], level: int) -> list[int]:
    return [max(floor, min(width, level)) for width, floor in zip(needed, floors, strict=True)]
