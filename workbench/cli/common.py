"""What several commands share: printing, stopping on Ctrl-C, and refusing bad paths before any work is done."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import OutputError, StudyError
from workbench.execution.store import require_study_folder

EXIT_OK, EXIT_USER, EXIT_GATE, EXIT_INCOMPLETE, EXIT_CANCELLED = 0, 1, 3, 4, 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
NAMED = 3
"""Things that one line names; the rest is counted."""


def print_json(document: Any) -> None:
    """Print one JSON document to standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def print_text(text: str) -> None:
    """Print text; characters the terminal cannot show are replaced, never fatal."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding))


def terminal_width() -> int:
    """Return the terminal's width in columns, at least 80; wide where the output is no terminal."""
    return max(80, shutil.get_terminal_size((160, 24)).columns) if sys.stdout.isatty() else 160


def can_show_unicode() -> bool:
    """Whether standard output can encode more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def listed(names: Sequence[str]) -> str:
    """Return the first names in a line, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def aligned(rows: Sequence[Sequence[str]], gap: int = 2) -> str:
    """Return rows as left-aligned columns; the last column is free."""
    widths = [
        max((len(row[column]) for row in rows if column < len(row) - 1), default=0)
        for column in range(max(map(len, rows)))
    ]
    lines = [
        (" " * gap).join(
            cell.ljust(widths[column]) if column < len(row) - 1 else cell for column, cell in enumerate(row)
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and a polite kill set, so that workers are stopped and what is finished is kept.

    A second Ctrl-C ends the program at once.
    """
    cancel = threading.Event()

    def stop(number: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    former = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield cancel
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def check_file_target(path: Path, suffix: str = "") -> None:
    """Make the folder of a file that will be written, and see that it can be.

    Args:
        suffix: what the name must end in, such as ".json"; "" for anything.

    Raises:
        OutputError: a folder is in the way, a file is where a folder is needed, or the place is read-only.
    """
    if path.is_dir():
        raise OutputError(f"{path} cannot be written", why="it is a folder", how="Give a file name.")
    if suffix and path.suffix != suffix:
        raise OutputError(f"{path} cannot be written", why=f"its name does not end in {suffix}", how="Rename it.")
    check_folder_target(path.parent)


def check_folder_target(path: Path) -> None:
    """Make a folder that will be written to, and see that it can be. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        blocking = next((str(part) for part in (path, *path.parents) if part.exists() and not part.is_dir()), "")
        why = f"{blocking} is a file" if blocking else (error.strerror or str(error))
        raise OutputError(f"{path} cannot be written to", why=why, how="Choose another folder.") from error


def study_folder(path: Path) -> Path:
    """Return `path` if it holds a finished study. Raises StudyError."""
    if not path.exists():
        raise StudyError(f"{path} does not exist", how="Give the folder that `run` wrote with -o.")
    if not path.is_dir():
        raise StudyError(f"{path} is a file", how="Give the study folder, the one that `run` wrote with -o.")
    return require_study_folder(path)
