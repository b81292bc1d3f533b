"""The menu bar: files, undo, steps, theme, run and present, about; every entry has its key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox

from workbench.errors import UserError
from workbench.ui.desk import Desk
from workbench.ui.errors_view import versions
from workbench.ui.rail import STEPS
from workbench.ui.tokens import MODES, Mode

if TYPE_CHECKING:
    from workbench.ui.window import Window

OPEN_FILTER = "All that opens (*.toml *.onnx *.npz *.npy *.zip *.pt2 *.pt result.json);;All files (*)"
STUDY_FILTER = "Study (*.toml)"
PAGE_KEYS = (
    ("next field; Shift+Tab goes back", "Tab"),
    ("close the error message", "Escape"),
    ("next or last screen; Escape closes (presentation)", "Left, Right"),
    ("copy the chosen cells with their headings, or the whole table", "Ctrl+C"),
    ("open what is chosen (tables)", "Enter"),
    ("read the values out (charts)", "Arrow keys"),
    ("zoom, show everything, show the table (charts)", "+, -, 0, T"),
)
"""What keys do on the pages, in words, and the keys."""


class Menus:
    """Builds the menus of a window and holds what they do."""

    def __init__(self, window: Window, desk: Desk) -> None:
        self._window, self._desk = window, desk
        self._recent = QMenu("Open &recent", window)
        self._recent.aboutToShow.connect(self._fill_recent)
        self._file()
        self._edit()
        self._view()
        self._study()
        self._help()

    def may_discard(self) -> bool:
        """Whether the open study may be replaced: it is unchanged, or the user saves or lets it go."""
        document = self._desk.document
        if not document.is_modified or document.is_empty or not self._window.isVisible():
            return True
        answer = self._ask()
        if answer == QMessageBox.StandardButton.Save:
            return self.save()
        return answer == QMessageBox.StandardButton.Discard

    def save(self) -> bool:
        """Save to the study's file, asking for one when it has none; whether it was saved."""
        path = self._desk.document.path
        return self.save_as() if path is None else self._save(path)

    def save_as(self) -> bool:
        """Ask for a file and save there; whether it was saved."""
        name, _ = QFileDialog.getSaveFileName(self._window, "Save study", "study.toml", STUDY_FILTER)
        return bool(name) and self._save(Path(name).with_suffix(".toml"))

    def open_file(self) -> None:
        """Ask for a file and open it."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open", "", OPEN_FILTER)
        if name:
            self._window.open_path(Path(name))

    def open_folder(self) -> None:
        """Ask for a study folder or a folder of images and open it."""
        name = QFileDialog.getExistingDirectory(self._window, "Open folder")
        if name:
            self._window.open_path(Path(name))

    def _ask(self) -> QMessageBox.StandardButton:
        buttons = QMessageBox.StandardButton
        return QMessageBox.question(
            self._window,
            "Unsaved changes",
            f"Save the changes to {self._desk.document.title}?",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )

    def _save(self, path: Path) -> bool:
        try:
            self._desk.document.save(path)
        except UserError as error:
            self._window.show_error(str(error))
            return False
        self._desk.settings.add_recent(path)
        self._window.statusBar().showMessage(f"Saved {path.name}", 4000)
        return True

    def _new(self) -> None:
        if self.may_discard():
            self._desk.document.new()
            self._window.show_page("model")

    def _file(self) -> None:
        menu = self._window.menuBar().addMenu("&File")
        self._add(menu, "&New study", self._new, QKeySequence.StandardKey.New)
        self._add(menu, "&Open...", self.open_file, QKeySequence.StandardKey.Open)
        self._add(menu, "Open &folder...", self.open_folder, "Ctrl+Shift+O")
        menu.addMenu(self._recent)
        menu.addSeparator()
        self._add(menu, "&Save", self.save, QKeySequence.StandardKey.Save)
        self._add(menu, "Save &as...", self.save_as, "Ctrl+Shift+S")
        menu.addSeparator()
        self._add(menu, "&Quit", self._window.close, "Ctrl+Q")

    def _edit(self) -> None:
        menu, stack = self._window.menuBar().addMenu("&Edit"), self._desk.document.undo_stack
        for made, key in (
            (stack.createUndoAction(menu, "Undo"), QKeySequence.StandardKey.Undo),
            (stack.createRedoAction(menu, "Redo"), QKeySequence.StandardKey.Redo),
        ):
            made.setShortcut(key)
            menu.addAction(made)

    def _view(self) -> None:
        menu = self._window.menuBar().addMenu("&View")
        for number, step in enumerate(STEPS, start=1):
            self._add(menu, step.title, partial(self._window.show_page, step.key), f"Ctrl+{number % 10}")
        menu.addSeparator()
        group = QActionGroup(menu)
        for mode in MODES:
            action = self._add(menu, f"{mode.capitalize()} colours", partial(self._set_mode, mode), "")
            action.setCheckable(True)
            action.setChecked(self._desk.theme.mode == mode)
            group.addAction(action)

    def _study(self) -> None:
        menu = self._window.menuBar().addMenu("&Study")
        self._add(menu, "&Run the study", self._window.run, "Ctrl+R")
        self._add(menu, "&Present the comparison", self._window.present, "F5")

    def _help(self) -> None:
        menu = self._window.menuBar().addMenu("&Help")
        self._add(menu, "&Keyboard", self._keys, "F1")
        self._add(menu, "&Versions", self._about, "")

    def _add(self, menu: QMenu, text: str, do: Callable[[], object], key: QKeySequence.StandardKey | str) -> QAction:
        action = menu.addAction(text)
        action.triggered.connect(lambda _checked=False: do())
        if key:
            action.setShortcut(QKeySequence(key))
        return action

    def _set_mode(self, mode: Mode) -> None:
        self._desk.settings.mode = mode
        self._desk.theme.set_mode(mode)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in self._desk.settings.recent:
            self._add(self._recent, str(path), partial(self._window.open_path, path), "")
        if self._recent.isEmpty():
            self._recent.addAction("Nothing opened yet").setEnabled(False)

    def _keys(self) -> None:
        QMessageBox.information(self._window, "Keyboard", self.keys())

    def keys(self) -> str:
        """Return every key of the menus, then those of the pages, a line each."""
        menus = [action.menu() for action in self._window.menuBar().actions()]
        actions = [action for menu in menus if isinstance(menu, QMenu) for action in menu.actions()]
        own = [(action.text().replace("&", ""), action.shortcut()) for action in actions]
        named = [(text, key.toString(QKeySequence.SequenceFormat.NativeText)) for text, key in own if not key.isEmpty()]
        return "\n".join(f"{key}:  {text}" for text, key in [*named, *PAGE_KEYS])

    def _about(self) -> None:
        QMessageBox.information(self._window, "Versions", versions())
