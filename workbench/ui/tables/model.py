"""A table model over plain rows: it sorts and filters by itself, without a proxy calling back for every pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from workbench.ui.tables.filter import arranged, matching, search_texts
from workbench.ui.tables.rows import Heading, TableCell, TableRow

Index = QModelIndex | QPersistentModelIndex
CELL_ROLE = Qt.ItemDataRole.UserRole + 1
_BLANK = TableCell("")


class TableModel(QAbstractTableModel):
    """Rows as they were given, shown filtered and sorted.

    Attributes:
        arranged: emitted after every change of what is shown or in which order.
    """

    arranged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._headings: tuple[Heading, ...] = ()
        self._rows: tuple[TableRow, ...] = ()
        self._texts: list[str] | None = None
        self._shown: list[int] = []
        self._headings_at: frozenset[int] = frozenset()
        self._search = ""
        self._column: int | None = None
        self._descending = False

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The columns."""
        return self._headings

    @property
    def total(self) -> int:
        """Rows without headings of groups, shown or not."""
        return len(self._rows) - len(self._headings_at)

    @property
    def shown(self) -> int:
        """Rows without headings of groups that are shown."""
        return len(self._shown) - len(self._headings_at.intersection(self._shown))

    @property
    def sorted_by(self) -> tuple[int | None, bool]:
        """The column that rows are sorted by, None for the order given, and whether it descends."""
        return self._column, self._descending

    def set_rows(self, headings: Sequence[Heading], rows: Sequence[TableRow]) -> None:
        """Replace everything; search and sorting start anew."""
        self.beginResetModel()
        self._headings, self._rows = tuple(headings), tuple(rows)
        self._headings_at = frozenset(index for index, row in enumerate(self._rows) if row.is_heading)
        self._texts, self._search, self._column, self._descending = None, "", None, False
        self._shown = self._arranged()
        self.endResetModel()
        self.arranged.emit()

    def set_search(self, search: str) -> None:
        """Show only rows that hold every word."""
        if search == self._search:
            return
        self.beginResetModel()
        self._search = search
        self._shown = self._arranged()
        self.endResetModel()
        self.arranged.emit()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 gives back the order of the rows as given."""
        self.layoutAboutToBeChanged.emit()
        kept = [(index, self._shown[index.row()]) for index in self.persistentIndexList()]
        self._column = column if column >= 0 else None
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._shown = self._arranged()
        if kept:
            place = {row: position for position, row in enumerate(self._shown)}
            moved = [self.index(place[row], index.column()) for index, row in kept]
            self.changePersistentIndexList([index for index, _ in kept], moved)
        self.layoutChanged.emit()
        self.arranged.emit()

    def row(self, position: int) -> TableRow:
        """Return the row shown at a position."""
        return self._rows[self._shown[position]]

    def cell(self, position: int, column: int) -> TableCell:
        """Return the cell shown at a position; blank beyond a row's last cell."""
        cells = self.row(position).cells
        return cells[column] if column < len(cells) else _BLANK

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  (Qt's signature)
        """Return how many rows are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  (Qt's signature)
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, alignment, the words for a screen reader, or the cell itself (CELL_ROLE)."""
        if not index.isValid():
            return None
        row, cell = self.row(index.row()), self.cell(index.row(), index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return row.message if row.message and index.column() == 2 else cell.text
        if role == CELL_ROLE:
            return cell
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self._headings[index.column()].right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._headings[index.column()].title}: {cell.text}"
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802  (Qt's signature)
        """Return heading and unit on two lines."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._headings):
            return None
        heading = self._headings[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{heading.title}\n{heading.unit}" if heading.unit else heading.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{heading.title} {heading.unit}".strip()
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that every cell but a group's heading can be chosen."""
        if index.isValid() and self.row(index.row()).is_heading:
            return Qt.ItemFlag.ItemIsEnabled
        return super().flags(index)

    def _arranged(self) -> list[int]:
        if self._search and self._texts is None:
            self._texts = search_texts(self._rows)
        found = matching(self._texts or [], self._search) if self._search.split() else range(len(self._rows))
        return arranged(self._rows, found, self._column, descending=self._descending)


def as_text(model: TableModel, positions: Sequence[int], columns: Sequence[int]) -> str:
    """Return cells as tab-separated lines under their headings, as a spreadsheet takes them."""
    titles = [" ".join(filter(None, (model.headings[c].title, model.headings[c].unit))) for c in columns]
    lines = ["\t".join(titles)]
    for position in positions:
        row = model.row(position)
        if row.is_heading:
            lines.append(row.cells[0].text)
        else:
            lines.append("\t".join(_flat(str(model.index(position, c).data() or "")) for c in columns))
    return "\n".join(lines)


def _flat(text: str) -> str:
    return " ".join(text.split())
