"""A runtime on another machine, from the window: make its bundle, take back what it answered. Commands do the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QPushButton, QWidget

from workbench.ui.commands import Bridge, Finished
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, column, copy_button, label, row

ARCHIVES = "Archives (*.zip)"
RUN_FIRST = "A bundle is made from a finished study: run this one first."
THERE = "python -m zipfile -e job.zip job && python job/runner.py -o result.zip"
NEEDS = "The other machine needs Python 3.9 or newer, numpy and the runtime. Then take result.zip back: Import result."
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
    question = "What is that machine called? Left empty, it is called by its processor."
    called, is_meant = QInputDialog.getText(parent, "Import result", question)
    if not is_meant:
        return

    def finished(done: Finished) -> None:
        if done.ok and isinstance(done.document, dict):
            taken(folder)
        elif not done.cancelled:
            failed(done.error or "The result was not imported, and nothing says why.", done.log_tail)

    bridge.run(["import-result", str(archive), str(folder), "--name", called.strip(), "--json"], finished)


class BundledDialog(QDialog):
    """What is in a bundle, what is not and why, and the line to type on the other machine."""

    def __init__(self, parent: QWidget, theme: Theme, made: dict[str, Any]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Bundle made")
        self.setMinimumWidth(560)
        path = Path(made["path"])
        line = THERE.replace("job.zip", path.name)
        lines = column(label(f"{path.name}: {len(made['models'])} models, {made['n']} inputs", "heading", wrap=True))
        lines.addWidget(label(", ".join(made["models"]), "muted", wrap=True, selectable=True))
        for title, reason in made["left_out"].items():
            lines.addWidget(label(f"Left out: {title}: {reason}", "warn", wrap=True, selectable=True))
        lines.addWidget(label(NEEDS, wrap=True))
        command = label(line, "mono", wrap=True, selectable=True)
        lines.addLayout(row(command, copy_button(lambda: line, theme, "the line for the other machine"), spacing=8))
        close: QPushButton = button("Close", self.accept, "primary")
        outside = column(lines, row(None, close))
        outside.setContentsMargins(20, 18, 20, 16)
        self.setLayout(outside)
        close.setDefault(True)
