"""What pip has to install for an optional part: the program's own metadata says it, by its parts' names.

The program itself is on no package index, so that a line with its own name would find nothing, or something else.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires

PROGRAM = "int8-workbench"


def install_line(extra: str) -> str:
    """Return the line that adds to this interpreter what an extra of pyproject.toml names.

    Where the program runs without being installed, the line is one for the checkout's folder.
    """
    return f"{sys.executable} -m pip install " + " ".join(f'"{item}"' for item in _wanted(extra) or [f".[{extra}]"])


def _wanted(extra: str) -> list[str]:
    try:
        listed = requires(PROGRAM) or []
    except PackageNotFoundError:
        return []
    parted = (line.partition(";") for line in listed)
    return [requirement.strip() for requirement, _, marker in parted if marker.strip() == f'extra == "{extra}"']
