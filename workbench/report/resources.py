"""Templates and fonts as installed with the program."""

from __future__ import annotations

import importlib.resources
import importlib.resources.abc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


def template(name: str) -> str:
    """Return the text of a file in resources/templates."""
    return _folder("templates").joinpath(name).read_text(encoding="utf-8")


@contextmanager
def fonts() -> Iterator[Path]:
    """Give the folder of the bundled fonts (Inter, JetBrains Mono) as a path, for as long as the block runs."""
    with ExitStack() as stack:
        yield stack.enter_context(importlib.resources.as_file(_folder("fonts")))


def _folder(name: str) -> importlib.resources.abc.Traversable:
    return importlib.resources.files("workbench_resources").joinpath(name)
