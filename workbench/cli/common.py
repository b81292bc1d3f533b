"""What several commands share: printing text or JSON, the options they have in common."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any


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
