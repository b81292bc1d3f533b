"""Files and folders that a study names and that are not there any more; plain functions without Qt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.ui.data_sets import FOLDERS

Step = Literal["model", "data", "scheme"]


@dataclass(frozen=True)
class Gone:
    """One of them.

    Attributes:
        step: the step of the rail that names it. what: what it is in the study, such as "evaluation set".
    """

    step: Step
    what: str
    path: Path

    @property
    def line(self) -> str:
        """What is wrong, why, and how to mend it."""
        return f"The {self.what} is gone: {self.path} is not there. Put it back, or choose another."


def gone(values: Mapping[str, Any]) -> list[Gone]:
    """Return what a study document names by an absolute path and is not there, in the order of the rail.

    A relative path is relative to a file that the document does not know; the command says whether it is there.
    """
    return sorted((item for item in _named(values) if _is_gone(item.path)), key=lambda item: _ORDER.index(item.step))


def gone_at(values: Mapping[str, Any], step: Step) -> Gone | None:
    """Return the first of them that a step names."""
    return next((item for item in gone(values) if item.step == step), None)


_ORDER: tuple[Step, ...] = ("model", "data", "scheme")


def _named(values: Mapping[str, Any]) -> Iterator[Gone]:
    yield from _path("model", "model", values.get("model"), "path")
    for part in FOLDERS:
        table = (values.get("data") or {}).get(part)
        yield from _path("data", f"{part} set", table, "path")
        yield from _path("data", f"list of labels of the {part} set", table, "labels")
    for candidate in values.get("candidates") or ():
        name = candidate.get("name", "")
        yield from _path("scheme", f"model of candidate {name}", candidate.get("model"), "path")
        yield from _path("scheme", f"plan of candidate {name}", candidate, "plan")


def _path(step: Step, what: str, table: Any, key: str) -> Iterator[Gone]:
    named = table.get(key) if isinstance(table, Mapping) else None
    if isinstance(named, str) and named:
        yield Gone(step, what, Path(named))


def _is_gone(path: Path) -> bool:
    try:
        return path.is_absolute() and not path.exists()
    except OSError:
        return False  # a name too long, a share that does not answer: the command says more
