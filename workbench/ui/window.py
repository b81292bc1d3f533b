"""The main window: the rail, the page of the chosen step, errors above it, what runs below it.

Pages of group "Set up" get the Desk (theme, document, bridge, settings); the others get the Theme and are told what
to show by `show_result(result, folder)`. A page may have these signals, connected by name when it is made:
`failed(str, object)` an error line and log lines; `goto(str)` another step; `state(str, str)` the step's line and
colour; `open_requested(object)` a path; `result_ready(object)` a study folder.
What a page said before that is said again by `announce()`, where it has one; it looks again at the files it names.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from workbench.errors import UserError
from workbench.ui import states
from workbench.ui.charts.preload import Preloader
from workbench.ui.commands import Bridge
from workbench.ui.data_sets import Part, sets_at
from workbench.ui.desk import Desk
from workbench.ui.document import CHOOSE_MODEL, Document
from workbench.ui.errors_view import ErrorPanel
from workbench.ui.menus import Menus
from workbench.ui.opening import Opened, classify, unpack
from workbench.ui.page_registry import SET_UP, make_page
from workbench.ui.rail import Rail, StateKind
from workbench.ui.settings import Settings
from workbench.ui.tab_order import set_tab_order
from workbench.ui.theme import Theme
from workbench.ui.widgets import label, row

if TYPE_CHECKING:
    from workbench.execution.result import Result

SMALLEST = (1024, 640)
FIRST_SIZE = (1280, 800)


class Window(QMainWindow):
    """The whole program on one window.

    Attributes:
        desk: what the set-up pages share. result, folder: the study shown on the result pages, if any.
    """

    def __init__(self, theme: Theme, settings: Settings) -> None:
        super().__init__()
        self.desk = Desk(theme, Document(self), Bridge(self), settings)
        self.result: Result | None = None
        self.folder: Path | None = None
        self._pages: dict[str, QWidget] = {}
        self._told: dict[str, Result | None] = {}
        self._preloader: Preloader | None = None
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self.rail, self._stack, self.errors = Rail(theme), QStackedWidget(), ErrorPanel(theme)
        self._running = label("")
        self._arrange()
        self.menus = Menus(self, self.desk)
        self._connect()
        self.show_page("model")
        self._refresh()

    def page(self, key: str) -> QWidget:
        """Return a step's page with the result shown; it is made, and told, when it is first asked for."""
        if key not in self._pages:
            made = make_page(key, self.desk)
            self._pages[key], self._told[key] = made, None
            self._stack.addWidget(made)
            self._connect_page(key, made)
        self._tell(key)
        return self._pages[key]

    def show_page(self, key: str) -> None:
        """Show a step's page."""
        self._stack.setCurrentWidget(self.page(key))
        self.rail.select(key)

    def run(self) -> None:
        """Go to the Run page and run the study; where it cannot be run, the page says why."""
        self.show_page("run")
        self.page("run").press()  # type: ignore[attr-defined]

    def present(self) -> None:
        """Open the slides of the comparison that is shown, from any page those of the open study."""
        shown = self._stack.currentWidget()
        if not (shown is not None and hasattr(shown, "present") and shown.present()):
            self.show_page("compare")
            self.page("compare").present()  # type: ignore[attr-defined]

    def start_preloading(self) -> None:
        """Load what pages and charts need beside the event loop; closing ends it."""
        self._preloader = Preloader()

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002, N802  (Qt's names)
        """Go by Tab in the order of the layouts, parts that came since the last time included."""
        if (centre := self.centralWidget()) is not None:
            set_tab_order(centre)
        return super().focusNextPrevChild(next)

    def show_error(self, text: str, log_tail: Sequence[str] = ()) -> None:
        """Show an error above the page."""
        self.errors.show_error(text, log_tail)

    def open_path(self, path: Path) -> None:
        """Open whatever `path` is: model, data, study, study folder or zip; errors are shown, not raised."""
        self.errors.hide()
        try:
            self._open(classify(path))
        except UserError as error:
            self.show_error(str(error))

    def show_result(self, folder: Path) -> None:
        """Read a study folder's result and give it to the result pages. Raises UserError."""
        from workbench.execution.load_result import load_result  # noqa: PLC0415  (not before the first paint)

        self.result, self.folder = load_result(folder / "result.json"), folder
        self._tell_shown()
        self._refresh()
        self._remember(folder)

    def _remember(self, folder: Path) -> None:
        """Note the study in the machine's history; one that cannot be written stops nobody from working."""
        from workbench.execution.history import History  # noqa: PLC0415  (not before the first paint)
        from workbench.ui.remember import remember  # noqa: PLC0415  (with the above)

        if self.result is None or (self._unpacked and folder.is_relative_to(Path(self._unpacked.name))):
            return
        try:
            remember(History(), self.result, folder)
        except UserError as error:
            self.show_error(str(error))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  (Qt's name)
        """Look again at what the study names whenever the user comes back: meanwhile it may have been moved."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._refresh()
            page = self._stack.currentWidget()
            if page is not None and hasattr(page, "announce"):
                page.announce()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  (Qt's name)
        """Ask about unsaved changes, end everything that runs, remember the place."""
        if not self.menus.may_discard():
            event.ignore()
            return
        self.desk.bridge.close()
        if self._preloader is not None:
            self._preloader.stop()
        for timer in self.findChildren(QTimer):
            timer.stop()
        self.desk.settings.geometry = self.saveGeometry()
        self.desk.settings.save()
        if self._unpacked is not None:
            self._unpacked.cleanup()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  (Qt's name)
        """Take files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  (Qt's name)
        """Open what was dropped, one after the other."""
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.open_path(Path(url.toLocalFile()))

    def _arrange(self) -> None:
        self.setWindowTitle("INT8 Workbench")
        self.setMinimumSize(*SMALLEST)
        self.resize(*FIRST_SIZE)
        self.setAcceptDrops(True)
        side, centre = QWidget(), QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        above = row(self.errors)
        above.setContentsMargins(24, 0, 24, 0)
        column.addLayout(above)
        column.addWidget(self._stack, 1)
        centre.setLayout(row(self.rail, side, spacing=0))
        self.setCentralWidget(centre)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self._running, 1)

    def _connect(self) -> None:
        self.rail.chosen.connect(self.show_page)
        self.desk.document.changed.connect(self._refresh)
        self.desk.document.undo_stack.cleanChanged.connect(lambda _clean: self._refresh())
        self.desk.bridge.busy.connect(self._show_busy)
        self._show_busy(0)

    def _connect_page(self, key: str, page: QWidget) -> None:
        slots: dict[str, Callable[..., object]] = {
            "failed": lambda text, log=(): self.show_error(text, log or ()),
            "goto": self.show_page,
            "state": lambda text, kind="": self.set_state(key, text, kind),
            "open_requested": lambda path: self.open_path(Path(path)),
            "result_ready": lambda folder: self._take_result(Path(folder)),
        }
        for name, slot in slots.items():
            if hasattr(page, name):
                getattr(page, name).connect(slot)
        if hasattr(page, "announce"):
            page.announce()

    def set_state(self, key: str, text: str, kind: StateKind = "") -> None:
        """Show a step's line in the rail."""
        self.rail.set_state(key, text, kind)

    def _open(self, opened: Opened) -> None:
        if opened.what == "model":
            self.desk.document.set(CHOOSE_MODEL, {"path": str(opened.path.resolve())}, "model")
            self.show_page("model")
        elif opened.what == "data":
            self._open_data(opened.path)
        elif opened.what == "zip":
            self._open_zip(opened.path)
        elif opened.what == "returned":
            self._import(opened.path)
        elif self.menus.may_discard():
            self._open_study(opened)

    def _open_data(self, path: Path) -> None:
        """Take samples as the sets they are, or as the one that is missing where nothing tells."""
        data = self.desk.document.value("data", default={})
        wanted: Part = "calibration" if "evaluation" in data and "calibration" not in data else "evaluation"
        self.desk.document.update("choose data", {"data": {**data, **sets_at(path, wanted)}})
        self.show_page("data")

    def _open_zip(self, path: Path) -> None:
        if self._unpacked is not None:
            self._unpacked.cleanup()
        self._unpacked = tempfile.TemporaryDirectory(prefix="int8-workbench-")
        self._open(classify(unpack(path, Path(self._unpacked.name) / path.stem)))

    def _import(self, archive: Path) -> None:
        """Take what another machine answered into the study that is open."""
        from workbench.ui.elsewhere import OPEN_FIRST, import_archive  # noqa: PLC0415  (not before the first paint)

        if self.folder is None:
            self.show_error(f"{archive.name} {OPEN_FIRST}")
        else:
            import_archive(self, self.desk.bridge, (archive, self.folder), self.show_error, self._take_result)

    def _open_study(self, opened: Opened) -> None:
        if opened.study is not None:
            self.desk.document.load(opened.study)
        else:
            self.desk.document.new()
        self.desk.settings.add_recent(opened.path)
        self.result, self.folder = None, None
        self._tell_shown()
        if opened.what == "result":
            self.show_result(opened.path)
        self.show_page("compare" if opened.what == "result" else "run" if not self._problem() else "model")

    def _take_result(self, folder: Path) -> None:
        try:
            self.show_result(folder)
        except UserError as error:
            self.show_error(str(error))
            return
        self.desk.settings.add_recent(folder)
        self.show_page("compare")

    def _tell_shown(self) -> None:
        """Give the result to the page on the screen; the others get it when they are asked for."""
        for key, page in self._pages.items():
            if page is self._stack.currentWidget():
                self._tell(key)

    def _tell(self, key: str) -> None:
        page = self._pages[key]
        if key in SET_UP or self._told[key] is self.result or not hasattr(page, "show_result"):
            return
        self._told[key] = self.result
        # Before the eyes of the user it comes part by part, so that nothing stalls.
        show = getattr(page, "show_result_soon", page.show_result) if self.isVisible() else page.show_result
        show(self.result, self.folder)

    def _problem(self) -> str:
        return self.desk.document.problem()

    def _refresh(self) -> None:
        """Bring rail and title up to date with document and result."""
        document = self.desk.document
        for key, (text, kind) in states.of(document.values, self.result).items():
            is_faulty = key == document.faulty_step and kind != "bad"
            self.rail.set_state(key, "cannot be read" if is_faulty else text, "bad" if is_faulty else kind)
        if "run" not in self._pages:
            problem = self._problem()
            self.rail.set_state("run", "not ready" if problem else "ready", "" if problem else "ok")
        star = "*" if self.desk.document.is_modified else ""
        title = f"{self._title()}{star}"
        self.rail.set_study(title)
        self.setWindowTitle(f"{title} - INT8 Workbench")

    def _title(self) -> str:
        """Return the study's name; where only its result is there, that of the folder it lies in."""
        document = self.desk.document
        return self.folder.name if self.folder is not None and document.is_empty else document.title

    def _show_busy(self, count: int) -> None:
        self._running.setText("Idle" if not count else f"{count} {'command runs' if count == 1 else 'commands run'}")
