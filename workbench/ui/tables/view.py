"""The table itself: columns fitted to their texts, sorted by their header, filtered, copied, all by keyboard too."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QTableView, QVBoxLayout, QWidget

from workbench.ui.tables.delegate import CellDelegate
from workbench.ui.tables.edge import Edge
from workbench.ui.tables.header import Header
from workbench.ui.tables.metrics import MEASURED_ROWS, Metrics
from workbench.ui.tables.model import TableModel, as_text
from workbench.ui.tables.rows import Heading, TableRow
from workbench.ui.tables.widths import fitted
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, connect_theme, label, row, themed_icon

SPANNED_ROWS = 2000
FRAME_PX = 0
NO_LIMIT_PX = 1 << 20


class TableView(QTableView):
    """Shows a TableModel.

    Attributes:
        chosen: a row was double-clicked or Enter was pressed on it; its TableRow.
        edge: shows that columns lie beyond the right edge.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, name: str, *, grows: bool = False, most_px: int = NO_LIMIT_PX) -> None:
        """Make an empty table.

        Args:
            name: for screen readers. grows: as high as its rows, inside a page that scrolls.
            most_px: height from which a growing table scrolls by itself.
        """
        super().__init__()
        self._theme, self._grows, self._most_px = theme, grows, most_px
        self._metrics = Metrics()
        self.rows_model = TableModel(self)
        self.columns = Header(theme, self._metrics, self)
        self.setHorizontalHeader(self.columns)
        self.setModel(self.rows_model)
        self.setItemDelegate(CellDelegate(theme, self._metrics, self))
        self.setAccessibleName(name)
        self._set_up()
        self.edge = Edge(theme, self)
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
        for column, width in enumerate(fitted(needed, least, self.viewport().width(), model.headings)):
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
        """Return the least size; a growing table scrolls by itself only above its limit."""
        return QSize(120, self._full_height()) if self._grows else QSize(120, 96)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self.edge.place()
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
        if self._grows and self._most_px == NO_LIMIT_PX:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.doubleClicked.connect(lambda index: self.chosen.emit(self.rows_model.row(index.row())))
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
        return min(self.columns.sizeHint().height() + rows + extra + FRAME_PX, self._most_px)


class TablePanel(QWidget):
    """A table with its search field, the number of rows shown and a copy button."""

    def __init__(self, theme: Theme, name: str, *, grows: bool = False, most_px: int = NO_LIMIT_PX) -> None:
        super().__init__()
        self.view = TableView(theme, name, grows=grows, most_px=most_px)
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
