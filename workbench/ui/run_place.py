"""Where a study's results go, what a run will do and keep, and how long it takes; plain functions without Qt."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.ui.data_sets import missing_set
from workbench.ui.gone import gone
from workbench.ui.run_state import duration

if TYPE_CHECKING:
    from workbench.execution.cells import Cell
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
    """Return the first step of the rail without which nothing can run, or whose file is gone; "" where all is there."""
    if not (values.get("model") or values.get("candidates")):
        return "model"
    if missing_set(values):
        return "data"
    if not values.get("runtimes"):
        return "runtimes"
    lost = gone(values)
    return lost[0].step if lost else ""


def is_code(values: dict[str, Any]) -> bool:
    """Return whether one of the models is code: a factory, or a PyTorch file."""
    models = [values.get("model") or {}, *((item.get("model") or {}) for item in values.get("candidates", []))]
    return any(model.get("factory") or str(model.get("path", "")).endswith((".pt", ".pt2", ".pth")) for model in models)


def _stem(values: dict[str, Any]) -> str:
    model = values.get("model") or {}
    return Path(model["path"]).stem if model.get("path") else str(model.get("factory") or "").partition(":")[2]


def _is_own(path: Path) -> bool:
    from importlib.resources import files  # noqa: PLC0415  (only here)

    return path.resolve().is_relative_to(Path(str(files("workbench_resources"))).resolve())


@dataclass(frozen=True)
class Planned:
    """What a run will do.

    Attributes:
        cells: in the order of the study. seconds, rounds: of timed running per cell.
    """

    cells: tuple[Cell, ...]
    seconds: float
    rounds: int

    @property
    def expected_s(self) -> float:
        """Seconds that all cells take, without the samples."""
        return len(self.cells) * (self.seconds + AROUND_S)

    @property
    def text(self) -> str:
        """How many cells there are and how long they take."""
        words = f"{len(self.cells)} {'cell' if len(self.cells) == 1 else 'cells'}"
        return f"{words}, about {duration(self.expected_s)}, plus the samples and the calibration."


def runtime_titles() -> dict[str, str]:
    """Return the titles of all runtimes by id, which rows without a name are called by."""
    from workbench.execution.discovery import discover  # noqa: PLC0415  (not before the first paint)

    return {manifest.id: manifest.title for manifest, _, _ in discover() if manifest}


def planned(study: Study, titles: Mapping[str, str], *, quick: bool = False) -> Planned:
    """Return what a run of the study will do. Raises StudyError.

    Args:
        titles: of runtimes, see `runtime_titles`.
    """
    from workbench.execution.cells import ROUNDS, cells_of  # noqa: PLC0415  (not before the first paint)
    from workbench.execution.study import with_row_names  # noqa: PLC0415  (with the above)

    study = with_row_names(study, titles)
    if any(candidate.native for candidate in study.file.candidates):
        from workbench.execution.native import with_tool_names  # noqa: PLC0415  (loads onnx, only where it must)

        study = with_tool_names(study)
    cells = tuple(cells_of(study))
    profile, budget = ("quick" if quick else study.file.measure.profile), study.file.measure.budget_s
    seconds = SECONDS[profile] if budget is None else min(SECONDS[profile], budget / len(cells))
    return Planned(cells, seconds, ROUNDS[profile] if seconds else 0)


def finished_before(folder: Path, cells: Sequence[Cell]) -> list[bool]:
    """Return for each cell whether a run into this folder has finished it."""
    from workbench.execution.store import Store  # noqa: PLC0415  (not before the first paint)

    return [(Store(folder).folder("cells", *cell.name) / "stage.json").is_file() for cell in cells]


def kept_text(folder: Path, cells: Sequence[Cell]) -> str:
    """Return what a run into this folder will find there and keep, "" where nothing was begun."""
    from workbench.execution.store import Store  # noqa: PLC0415  (not before the first paint)

    if not (folder / "events.jsonl").is_file():
        return ""
    places = [Store(folder).folder("cells", *cell.name) for cell in cells]
    finished = sum(finished_before(folder, cells))
    answered = sum((place / "answers.json").is_file() for place in places) - finished
    count = f"{finished} of {len(cells)} {'cell' if len(cells) == 1 else 'cells'}"
    if (folder / "result.json").is_file():
        if finished == len(cells):
            return "Holds a finished run: what has not changed since is kept, the rest is run again."
        return f"Holds a run in which {count} gave answers: these are kept unless changed, the rest is run again."
    kept = f" and the answers of {answered} more" if answered > 0 else ""
    return f"Holds a run that was stopped: {count}{kept} are finished, and Run goes on from there."
