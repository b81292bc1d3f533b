"""What pip has to install for a part of the program: its own metadata says it, by the parts' names and versions.

The program itself is on no package index, so that a line with its own name would find nothing, or something else.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires

PROGRAM = "int8-workbench"


def install_line(extra: str) -> str:
    """Return the line that adds to this interpreter what an extra of pyproject.toml names.

    Where the program runs without being installed, the line is one for the checkout's folder.
    """
    wanted = [text for text, marker in _listed() if marker == f'extra == "{extra}"']
    return _line(wanted or [f".[{extra}]"])


def package_line(name: str) -> str:
    """Return the line that adds one package, in a version that the program takes where it says so."""
    found = [text for text, marker in _listed() if "extra" not in marker and _name(text) == name]
    return _line(found[:1] or [name])


def into_this_interpreter(remedy: str) -> str:
    """Return a remedy whose `pip` is that of this interpreter, whichever `pip` stands first on the user's path."""
    return f"{sys.executable} -m {remedy}" if remedy.startswith("pip install ") else remedy


def _line(wanted: list[str]) -> str:
    return f"{sys.executable} -m pip install " + " ".join(f'"{item}"' for item in wanted)


def _listed() -> list[tuple[str, str]]:
    """Return requirement and marker of everything that pyproject.toml names."""
    try:
        lines = requires(PROGRAM) or []
    except PackageNotFoundError:
        return []
    parted = (line.partition(";") for line in lines)
    return [(requirement.strip(), marker.strip()) for requirement, _, marker in parted]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
