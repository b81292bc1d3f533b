"""The Sheet page: the printed pages as they will come out, what is not disclosed, and every format to export.

Pages and files are made by the command line in another process; this page shows and names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTemporaryDir, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from workbench.execution.result import Result
from workbench.report.render import FORMATS
from workbench.report.sheet import Sheet, build_sheet, first_line
from workbench.report.view import completeness
from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.next_step import NextStep
from workbench.ui.theme import set_role
from workbench.ui.widgets import Page, button, card, clear, column, copy_button, label, row, say

TITLE, NOTHING = "Disclosure sheet", "No sheet yet"
NOTHING_BELOW = (
    "Run the study, or open a finished one: its disclosure sheet stands here, page by page, ready to export."
)
SIDE_PX = 300
PAGE_MOST_PX = 860
FORMAT_WORDS = {
    "html": "one web page, offline",
    "pdf": "to print and to file, PDF/A",
    "json": "for programs and for check",
    "md": "for a repository or a wiki",
    "csv": "for a spreadsheet",
}


class PagePreview(QScrollArea):
    """Pictures of the printed pages, one below the other, as wide as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[QImage] = []
        self._paths: list[Path] = []
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._read_next)
        self.message = label("", "muted", wrap=True)
        content = QWidget()
        self._inside = QVBoxLayout(content)
        self._inside.setSpacing(14)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Pages of the sheet as they will print")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)

    @property
    def is_loading(self) -> bool:
        """Whether pages are still to be read."""
        return len(self._images) < len(self._paths)

    @property
    def pages(self) -> list[QLabel]:
        """The pages shown."""
        items = (self._inside.itemAt(index) for index in range(self._inside.count()))
        found = (item.widget() for item in items if item)
        return [widget for widget in found if isinstance(widget, QLabel) and widget.property("role") == "paper"]

    def show_message(self, text: str) -> None:
        """Show a sentence instead of pages."""
        self._begin([])
        self._inside.addWidget(label(text, "muted", wrap=True), 0, Qt.AlignmentFlag.AlignTop)

    def show_pages(self, paths: Sequence[Path]) -> None:
        """Show the pictures of these files, one per turn of the event loop."""
        self._begin(paths)
        self._inside.addStretch(1)
        self._timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Fit the pages to the new width."""
        super().resizeEvent(event)
        for page, image in zip(self.pages, self._images, strict=True):
            self._scale(page, image)

    def _begin(self, paths: Sequence[Path]) -> None:
        self._timer.stop()
        self._paths, self._images = list(paths), []
        clear(self._inside)

    def _read_next(self) -> None:
        if not self.is_loading:
            self._timer.stop()
            return
        image = QImage(str(self._paths[len(self._images)]))
        self._images.append(image)
        number, page = len(self._images), QLabel()
        page.setProperty("role", "paper")
        page.setMinimumWidth(1)  # a picture may not hold the page at its old width
        page.setAccessibleName(f"Page {number} of {len(self._paths)}")
        self._scale(page, image)
        for made in (page, label(f"{number} of {len(self._paths)}", "small")):
            self._inside.insertWidget(self._inside.count() - 1, made, 0, Qt.AlignmentFlag.AlignHCenter)

    def _scale(self, page: QLabel, image: QImage) -> None:
        ratio = self.devicePixelRatioF()
        width = round(min(self.viewport().width() - 24, PAGE_MOST_PX) * ratio)
        pixmap = QPixmap.fromImage(image.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation))
        pixmap.setDevicePixelRatio(ratio)
        page.setPixmap(pixmap)


class SheetPage(QWidget):
    """The disclosure sheet of the study shown."""

    failed = Signal(str, object)
    goto = Signal(str)
    open_requested = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._sheet: Sheet | None = None
        self._folder: Path | None = None
        self._asked, self._shown = 0, 0
        self._drawing: Command | None = None
        self._scratch: QTemporaryDir | None = None
        self._head = Page(TITLE)
        self.next_step = NextStep(NOTHING, NOTHING_BELOW, "run", "Go to Run", opens=True)
        self.next_step.goto.connect(self.goto)
        self.next_step.open_requested.connect(self.open_requested)
        self.preview = PagePreview()
        self._complete, self._missing = label("", wrap=True), column(spacing=4)
        self._first_line = label("", wrap=True, selectable=True)
        self._saved = label("", "small", wrap=True, selectable=True)
        self.export_buttons = [button(name.upper(), lambda name=name: self._ask([name])) for name in FORMATS]  # type: ignore[misc]
        self.export_all = button("Export all formats", lambda: self._ask(FORMATS), "primary")
        self._arrange()
        self.show_result(None, None)

    def show_result(self, result: Result | None, folder: Path | None) -> None:
        """Show a study's sheet; its pages are drawn once this page is on the screen."""
        self._folder = folder
        self._asked += 1
        self._sheet = None if result is None else build_sheet(result)
        self._split.setVisible(self._sheet is not None)
        self._empty.setVisible(self._sheet is None)
        say(self._saved, "")
        if self._sheet is None:
            self._head.set_title(TITLE, "")
            return
        self._head.set_title(TITLE, self._sheet.title)
        self._first_line.setText(first_line(self._sheet))
        self._show_missing(self._sheet)
        for made in (*self.export_buttons, self.export_all):
            made.setEnabled(folder is not None)
        if self.isVisible():
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Draw the pages when the page is first seen."""
        super().showEvent(event)
        self._draw()

    def export_to(self, out: Path, formats: Sequence[str]) -> None:
        """Write the sheet in some formats into a folder, in another process."""
        if self._folder is None:
            return
        arguments = ["sheet", str(self._folder), "-f", ",".join(formats), "-o", str(out)]
        say(self._saved, "Writing...", "small")
        self._desk.bridge.run(arguments, lambda done: self._exported(done, out, formats))

    def _arrange(self) -> None:
        paper, inside = card()
        inside.setContentsMargins(2, 2, 2, 2)
        inside.addWidget(self.preview)
        side = QScrollArea()
        side.setWidgetResizable(True)
        side.setFrameShape(QFrame.Shape.NoFrame)
        side.setFixedWidth(SIDE_PX)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content = QWidget()
        content.setProperty("role", "page")
        content.setLayout(column(self._export_card(), self._line_card(), self._missing_card(), None))
        side.setWidget(content)
        self._split = QWidget()
        inner = QHBoxLayout(self._split)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(12)
        inner.addWidget(paper, 1)
        inner.addWidget(side)
        self._empty = QWidget()
        self._empty.setLayout(column(self.next_step, None))
        self._head.body.addWidget(self._empty, 1)
        self._head.body.addWidget(self._split, 1)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(self._head)

    def _export_card(self) -> QFrame:
        made, inside = card("Export")
        inside.addWidget(self.export_all)
        for name, one in zip(FORMATS, self.export_buttons, strict=True):
            one.setFixedWidth(76)
            one.setAccessibleName(f"Export as {name.upper()}")
            inside.addLayout(row(one, label(FORMAT_WORDS[name], "small", wrap=True), spacing=8))
        inside.addWidget(self._saved)
        return made

    def _line_card(self) -> QFrame:
        made, inside = card()
        copy = copy_button(self._first_line.text, self._desk.theme, "the line for a slide")
        inside.addLayout(row(label("For a slide", "heading"), None, copy))
        inside.addWidget(self._first_line)
        return made

    def _missing_card(self) -> QFrame:
        made, inside = card("Completeness")
        inside.addWidget(self._complete)
        inside.addLayout(self._missing)
        return made

    def _show_missing(self, sheet: Sheet) -> None:
        clear(self._missing)
        set_role(self._complete, "warn" if sheet.not_disclosed else "ok")
        self._complete.setText(completeness(sheet))
        for entry in sheet.not_disclosed:
            self._missing.addWidget(label(entry, wrap=True, selectable=True))

    def _draw(self) -> None:
        """Have the pages drawn in another process, once per study."""
        if self._sheet is None or self._drawing is not None:
            return
        if self._folder is None:
            self.preview.show_message("There is no study folder to print from.")
            return
        if self._shown == self._asked:
            return
        asked, self._scratch = self._asked, QTemporaryDir()
        out = self._scratch.path()
        self.preview.show_message("Drawing the pages...")
        arguments = ["sheet", str(self._folder), "-f", "json", "-o", out, "--pages", out]
        self._drawing = self._desk.bridge.run(arguments, lambda done: self._drawn(done, asked, Path(out)))

    def _drawn(self, done: Finished, asked: int, out: Path) -> None:
        """Show the pages; where another result came in between, have its pages drawn."""
        self._drawing = None
        if asked != self._asked:
            self._draw()
            return
        self._shown = asked
        if done.ok:
            self.preview.show_pages(page_files(out))
        elif not done.cancelled:
            self.preview.show_message(f"The pages cannot be drawn. {done.error}")

    def _ask(self, formats: Sequence[str]) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Export the sheet into a folder")
        if chosen:
            self.export_to(Path(chosen), formats)

    def _exported(self, done: Finished, out: Path, formats: Sequence[str]) -> None:
        if done.ok:
            say(self._saved, f"Written: {', '.join(f'sheet.{name}' for name in formats)} in {out}", "ok")
            return
        say(self._saved, "")
        if not done.cancelled:
            self.failed.emit(done.error, done.log_tail)


def page_files(folder: Path) -> list[Path]:
    """Return the pictures page-1.png, page-2.png, ... of a folder."""
    found: list[Path] = []
    while (path := folder / f"page-{len(found) + 1}.png").is_file():
        found.append(path)
    return found
