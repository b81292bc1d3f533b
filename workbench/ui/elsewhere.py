"""A runtime on another machine, from the window: make its bundle, take back what it answered. Commands do the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QDialog, QFileDialog, QLayout, QLineEdit, QPushButton, QWidget

from workbench.execution.elsewhere.names import RUNNER_NAME
from workbench.ui.commands import Bridge, Finished
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, column, copy_button, label, row

ARCHIVES = "Archives (*.zip)"
RUN_FIRST = "A bundle is made from a finished study: run this one first."
NEEDS = (
    "It needs Python 3.9 or newer, numpy and the runtime; on Windows python3 is called python. The inputs are your "
    "samples: whoever has the bundle can look at them."
)
BACK = "Take result.zip back and choose Import result on the Compare page."
NAMED = "Its rows stand in a group of their own under this name."
LEFT_EMPTY = "left empty: its processor"
LONGEST_NAME, WIDTH_PX = 60, 560
OPEN_FIRST = "holds what another machine answered. Open the study it was bundled from first."
Failed = Callable[[str, Sequence[str]], object]


def can_be_bundled(runtime: str) -> bool:
    """Whether a runtime's plugin has a file that opens its models on machines without this program."""
    return runtime in _travelling()


@cache
def _travelling() -> frozenset[str]:
    from workbench.execution.elsewhere.standalone import travelling_runtimes  # noqa: PLC0415  (not before first paint)

    return travelling_runtimes()


def make_bundle(parent: QWidget, bridge: Bridge, theme: Theme, folder: Path, runtime: str, failed: Failed) -> None:
    """Ask for a file and write the bundle of one runtime of a finished study; a dialog says what to do with it."""
    if not (folder / "result.json").is_file():
        failed(RUN_FIRST, ())
        return
    name, _ = QFileDialog.getSaveFileName(parent, "Make bundle", f"{runtime}.zip", ARCHIVES)
    if name:
        bundle_into(parent, bridge, theme, folder, (runtime, Path(name).with_suffix(".zip")), failed)


def bundle_into(
    parent: QWidget, bridge: Bridge, theme: Theme, folder: Path, what: tuple[str, Path], failed: Failed
) -> None:
    """Write the bundle of a runtime into a file in another process; `what` is the runtime's id and the file."""

    def finished(done: Finished) -> None:
        if done.ok and isinstance(done.document, dict):
            BundledDialog(parent, theme, done.document).open()
        elif not done.cancelled:
            failed(done.error or "The bundle was not made, and nothing says why.", done.log_tail)

    runtime, path = what
    bridge.run(["bundle", str(folder), "--runtime", runtime, "-o", str(path), "--json"], finished)


def choose_and_import(
    parent: QWidget, bridge: Bridge, folder: Path, failed: Failed, taken: Callable[[Path], object]
) -> None:
    """Ask for an archive and import it into a study folder."""
    name, _ = QFileDialog.getOpenFileName(parent, "Import result", "", ARCHIVES)
    if name:
        import_archive(parent, bridge, (Path(name), folder), failed, taken)


def import_archive(
    parent: QWidget, bridge: Bridge, what: tuple[Path, Path], failed: Failed, taken: Callable[[Path], object]
) -> None:
    """Ask what the machine is called, import an archive in another process, then call `taken` with the study folder.

    Args:
        what: the archive and the study folder.
    """
    archive, folder = what

    def finished(done: Finished) -> None:
        if done.ok and isinstance(done.document, dict):
            taken(folder)
        elif not done.cancelled:
            failed(done.error or "The result was not imported, and nothing says why.", done.log_tail)

    def start() -> None:
        name = asked.name.text().strip()
        bridge.run(["import-result", str(archive), str(folder), "--name", name, "--json"], finished)

    asked = NameDialog(parent, archive.name)
    asked.accepted.connect(start)
    asked.open()


class NameDialog(QDialog):
    """Asks what the machine that a result comes from is called; the name stands in its rows."""

    def __init__(self, parent: QWidget, archive: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import result")
        self.setMinimumWidth(WIDTH_PX)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setPlaceholderText(LEFT_EMPTY)
        asks = label("Name of the &machine", "strong")
        asks.setBuddy(self.name)
        accept = button("Import", self.accept, "primary")
        buttons = row(None, button("Cancel", self.reject), accept, spacing=8)
        head = column(ElidedLabel(archive, "heading"), label(NAMED, "muted", wrap=True), spacing=4)
        _arrange(self, head, column(asks, self.name, spacing=6), buttons)
        accept.setDefault(True)


class BundledDialog(QDialog):
    """What is in a bundle, what is not and why, and the lines to type on the other machine."""

    def __init__(self, parent: QWidget, theme: Theme, made: dict[str, Any]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Bundle made")
        self.setMinimumWidth(WIDTH_PX)
        path = Path(made["path"])
        typed = lines_there(path.name)
        counted = f"{len(made['models'])} models, {made['n']:,} inputs, in {path.parent}"
        head = column(ElidedLabel(path.name, "heading"), label(counted, "muted", wrap=True, selectable=True), spacing=4)
        inside = column(label(", ".join(made["models"]), wrap=True, selectable=True), spacing=4)
        for title, reason in made["left_out"].items():
            inside.addWidget(label(f"Left out: {title}: {reason}", "warn", wrap=True, selectable=True))
        commands = label(typed, "mono", wrap=True, selectable=True)
        there = column(
            label("On the other machine", "strong"),
            label(NEEDS, "muted", wrap=True),
            row(commands, copy_button(lambda: typed, theme, "the lines for the other machine"), spacing=8),
            spacing=6,
        )
        back = column(label("Back here", "strong"), label(BACK, "muted", wrap=True), spacing=6)
        close: QPushButton = button("Close", self.accept, "primary")
        _arrange(self, head, inside, there, back, row(None, close))
        close.setDefault(True)


def lines_there(archive: str) -> str:
    """Return what is typed on the other machine, one command a line: every shell reads that."""
    return f'python3 -m zipfile -e "{archive}" job\npython3 job/{RUNNER_NAME} -o result.zip'


def _arrange(dialog: QDialog, *parts: QLayout) -> None:
    *above, buttons = parts
    outside = column(*above, None, buttons, spacing=16)
    outside.setContentsMargins(20, 18, 20, 16)
    dialog.setLayout(outside)
    dialog.ensurePolished()
    dialog.resize(WIDTH_PX, outside.totalHeightForWidth(WIDTH_PX))
