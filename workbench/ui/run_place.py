"""Where a study's results go unless the user says otherwise, and how long it will take; plain functions without Qt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.ui.run_state import duration

if TYPE_CHECKING:
    from workbench.execution.study import Study

PROFILES = {
    "quick": "quick: 5 s per cell",
    "standard": "standard: 60 s per cell",
    "full": "full: 600 s per cell",
    "none": "none: answers only, no speed",
}
SECONDS = {"quick": 5.0, "standard": 60.0, "full": 600.0, "none": 0.0}
AROUND_S = 4.0
"""Load, answers of a small set, warm-up: what a cell takes beside its timed seconds."""


def result_folder(study_file: Path | None, values: dict[str, Any]) -> Path:
    """Return the folder that results go to.

    A study folder goes on in place; a study file gets a folder beside it; what is new, or lies where nothing can be
    written or among the program's own files, goes below the user's home.
    """
    if study_file is not None and (study_file.parent / "events.jsonl").exists():
        return study_file.parent
    name = str(values.get("name") or _stem(values) or "study").replace("/", "-")
    at_home = Path.home() / "int8-workbench" / name
    if study_file is None or _is_own(study_file) or not os.access(study_file.parent, os.W_OK):
        return at_home
    return study_file.parent / f"{study_file.stem}-results"


def missing_step(values: dict[str, Any]) -> str:
    """Return the first step of the rail without which nothing can run: model, data, runtimes, or ""."""
    if not (values.get("model") or values.get("candidates")):
        return "model"
    if not (values.get("data") or {}).get("evaluation"):
        return "data"
    return "" if values.get("runtimes") else "runtimes"


def _stem(values: dict[str, Any]) -> str:
    model = values.get("model") or {}
    return Path(model["path"]).stem if model.get("path") else str(model.get("factory") or "").partition(":")[2]


def _is_own(path: Path) -> bool:
    from importlib.resources import files  # noqa: PLC0415  (only here)

    return path.resolve().is_relative_to(Path(str(files("workbench_resources"))).resolve())


def expected_text(study: Study) -> str:
    """Return in a line how many cells there are and how long the speed part takes. Raises StudyError."""
    from workbench.execution.cells import cells_of  # noqa: PLC0415  (not before the first paint)

    cells = len(cells_of(study))
    measure = study.file.measure
    per_cell = SECONDS[measure.profile]
    if measure.budget_s is not None:
        per_cell = min(per_cell, measure.budget_s / cells)
    words = f"{cells} {'cell' if cells == 1 else 'cells'}"
    rest = "plus the samples and the calibration"
    return f"{words}, about {duration(cells * (per_cell + AROUND_S))}, {rest}."
