"""The History page: studies of this machine, searched, opened again, two of them compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from workbench.errors import UserError
from workbench.execution.history import Entry, History
from workbench.execution.result import Result
from workbench.ui.desk import Desk
from workbench.ui.next_step import NextStep
from workbench.ui.pages.compare import ComparePage
from workbench.ui.tab_order import set_tab_order
from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.tables.view import TablePanel
from workbench.ui.widgets import Page, button, card, line, row, themed_icon

HEADINGS = (
    Heading("Study", right=False),
    Heading("Model", right=False),
    Heading("Verdicts", right=False),
    Heading("Made", "local time", right=False),
    Heading("Opened", "local time", right=False),
    Heading("Folder", right=False),
)
EMPTY = "No study was run or opened on this machine yet. Each one stands here from then on, to open or to compare."
TITLE, BELOW = "History", "Studies of this machine. Enter opens one; choose two to compare them."


class HistoryPage(QStackedWidget):
    """The list, and the comparison of two studies over it."""

    failed = Signal(str, object)
    open_requested = Signal(object)
    goto = Signal(str)

    def __init__(self, desk: Desk, history: History | None = None) -> None:
        super().__init__()
        self._desk, self._history = desk, history or History()
        theme = desk.theme
        self.panel = TablePanel(theme, "studies")
        self.panel.search.setPlaceholderText("Search studies")
        self.panel.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.empty = NextStep("No study yet", EMPTY, "model", "Start with a model", opens=True)
        self.empty.goto.connect(self.goto)
        self.empty.open_requested.connect(self.open_requested)
        self.open_button = button("Open", self._open, "primary")
        self.compare_button = themed_icon(button("Compare two", self._compare), theme, "compare")
        self.forget_button = themed_icon(button("Remove from list", self._forget), theme, "remove")
        self.other_button = button("Open a folder...", self._open_folder, tip="Open a study folder that is not listed")
        self._list = self._list_page()
        self.addWidget(self._list)
        self.comparison: ComparePage | None = None
        self._compared: QWidget | None = None
        self.panel.view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.panel.view.chosen.connect(lambda chosen: self._ask_open(chosen.data))

    def show_result(self, _result: Result | None, _folder: Path | None) -> None:
        """Read the list again: a study was just opened or finished. A hidden page reads it once it is shown."""
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Read the list from the disk."""
        try:
            entries: Sequence[Entry] = self._history.entries()
        except UserError as error:
            entries = ()
            self.failed.emit(str(error), ())
        search = self.panel.search.text()
        self.panel.set_rows(HEADINGS, [history_row(entry) for entry in entries])
        self.panel.search.setText(search)
        self.empty.setVisible(not entries)
        self._card.setVisible(bool(entries))
        self._enable()

    def compare(self, folders: Sequence[Path]) -> None:
        """Show studies side by side; those that cannot be compared are refused in words."""
        from workbench.execution.load_result import load_result  # noqa: PLC0415  (with the next)
        from workbench.report.compare import compare_sheets  # noqa: PLC0415  (wanted here alone)
        from workbench.report.sheet import build_sheet  # noqa: PLC0415  (with the above)

        try:
            sheets = [build_sheet(load_result(folder / "result.json")) for folder in folders]
            merged = compare_sheets(sheets)
        except UserError as error:
            self.failed.emit(str(error), ())
            return
        page = self._comparison_page()
        page.show_comparison(merged)
        assert self._compared is not None
        self.setCurrentWidget(self._compared)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Read the list again: another window may have changed it."""
        super().showEvent(event)
        self.refresh()

    def present(self) -> bool:
        """Open the slides of the two studies that are compared; whether there are any."""
        is_shown = self.comparison is not None and self.currentWidget() is self._compared
        return is_shown and self.comparison is not None and self.comparison.present()

    def _list_page(self) -> QWidget:
        page = Page(TITLE, BELOW)
        for made in (self.other_button, self.forget_button, self.compare_button, self.open_button):
            page.buttons.addWidget(made)
        self._card, inside = card()
        inside.addWidget(self.panel, 1)
        page.body.addWidget(self.empty, 0, Qt.AlignmentFlag.AlignTop)
        page.body.addWidget(self._card, 1)
        set_tab_order(page)
        return page

    def _comparison_page(self) -> ComparePage:
        """Return the page for two studies, made when first wanted, with a way back above it."""
        if self.comparison is None:
            self.comparison = ComparePage(self._desk)
            back = themed_icon(button("Back to the list", self._back, "quiet"), self._desk.theme, "back")
            above = row(back, None)
            above.setContentsMargins(18, 8, 18, 4)
            self._compared = QWidget()
            self._compared.setProperty("role", "page")
            outside = QVBoxLayout(self._compared)
            outside.setContentsMargins(0, 0, 0, 0)
            outside.setSpacing(0)
            outside.addLayout(above)
            outside.addWidget(line())
            outside.addWidget(self.comparison, 1)
            self.addWidget(self._compared)
        return self.comparison

    def _back(self) -> None:
        self.setCurrentWidget(self._list)
        self.panel.view.setFocus()

    def _chosen(self) -> list[Entry]:
        return [chosen.data for chosen in self.panel.view.chosen_rows()]

    def _enable(self) -> None:
        chosen = self._chosen()
        self.open_button.setEnabled(len(chosen) == 1 and chosen[0].exists)
        self.compare_button.setEnabled(len(chosen) == 2 and all(entry.exists for entry in chosen))
        self.forget_button.setEnabled(bool(chosen))

    def _open(self) -> None:
        for entry in self._chosen()[:1]:
            self._ask_open(entry)

    def _ask_open(self, entry: Entry) -> None:
        if entry.exists:
            self.open_requested.emit(entry.path)
        else:
            self.failed.emit(f"{entry.name} cannot be opened: {entry.path} holds no result any more.", ())

    def _open_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open a study folder")
        if chosen:
            self.open_requested.emit(Path(chosen))

    def _compare(self) -> None:
        """Compare the chosen ones, the oldest first."""
        self.compare([entry.path for entry in sorted(self._chosen(), key=lambda entry: entry.created_utc)])

    def _forget(self) -> None:
        try:
            for entry in self._chosen():
                self._history.forget(entry.path)
        except UserError as error:
            self.failed.emit(str(error), ())
        self.refresh()


def history_row(entry: Entry) -> TableRow:
    """Return a study as a table row; one whose folder is gone is muted and says so."""
    note = "" if entry.exists else "folder is gone"
    cells = (
        TableCell(entry.name, note),
        TableCell(entry.model),
        TableCell(entry.verdict),
        TableCell(local_time(entry.created_utc), sort=entry.created_utc),
        TableCell(local_time(entry.opened_utc), sort=entry.opened_utc),
        TableCell(str(entry.path)),
    )
    return TableRow(cells, style="plain" if entry.exists else "muted", data=entry)


def local_time(utc: str) -> str:
    """Return an ISO 8601 moment as date and time of this place; what is no moment is returned as it is."""
    try:
        moment = datetime.fromisoformat(utc.replace("Z", "+00:00"))
    except ValueError:
        return utc
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware.astimezone():%Y-%m-%d\N{NO-BREAK SPACE}%H:%M}"
