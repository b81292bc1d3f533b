"""The samples that changed most, or that runtimes disagree on, with every runtime's answer; words ready to show.

Answers come from the stored outputs of the study folder, row by row through memory maps; pictures are only located
here and opened where they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import UserError
from workbench.execution.result import Result, Run
from workbench.execution.store import cell_folder, safe_name
from workbench.execution.study import load_study
from workbench.measure.tasks import TaskOptions, find_task
from workbench.report import numbers
from workbench.report.names import row_name, several_candidates

Rows = Mapping[str, npt.NDArray[Any]]
MOST = 12


@dataclass(frozen=True)
class Answer:
    """One runtime's answer on one sample. `state`: "right" | "wrong" | "same" | "changed" | "" (not known)."""

    name: str
    text: str
    state: str


@dataclass(frozen=True)
class SampleCard:
    """One sample.

    Attributes:
        picture: its file, None where it is no picture or not on this machine; no_picture: why.
        label, reference: the true class and the float32 reference's answer in words, "" where there is none.
        note: how far the answer moved, in words.
    """

    index: int
    file: str
    picture: Path | None
    no_picture: str
    label: str
    reference: str
    answers: tuple[Answer, ...]
    note: str


def worst_cards(result: Result, folder: Path | None, most: int = MOST) -> list[SampleCard]:
    """Return the samples whose answers moved most on any INT8 run, largest first."""
    found: dict[int, dict[str, Any]] = {}
    for run in _shown_runs(result):
        for entry in run.worst_samples:
            known = found.get(int(entry["index"]))
            if known is None or _distance(entry) > _distance(known):
                found[int(entry["index"])] = entry
    ranked = sorted(found.values(), key=lambda entry: (-_distance(entry), entry["index"]))
    return _cards(result, folder, ranked[:most])


def disagreement_cards(result: Result, folder: Path | None, most: int = MOST) -> list[SampleCard]:
    """Return samples that INT8 runs answer differently, as far as the result names them (ten per pair)."""
    found: dict[int, dict[str, Any]] = {}
    for pair in result.disagreements:
        if pair.precision == "int8":
            for entry in pair.samples:
                found.setdefault(int(entry["index"]), entry)
    return _cards(result, folder, list(found.values())[:most])


def label_names(folder: Path | None) -> list[str]:
    """Return the class names of a study folder's evaluation set; none where labels are numbers."""
    found = read_json(folder / "data" / "evaluation" / "index.json").get("label_names") if folder else None
    return [str(name) for name in found or []]


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object of the study folder, {} where it cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


@dataclass(frozen=True)
class _Known:
    """What every card needs: class names, the pictures' folder or why there is none, outputs of runs and reference."""

    names: Sequence[str]
    pictures: tuple[Path | None, str]
    runs: Sequence[tuple[str, Run, Rows | None]]
    reference: Rows | None


def _cards(result: Result, folder: Path | None, entries: Sequence[Mapping[str, Any]]) -> list[SampleCard]:
    if not entries:
        return []
    several = several_candidates(result)
    runs = [
        (row_name(run.label, run.candidate, several), run, _outputs(_place(run, folder))) for run in _shown_runs(result)
    ]
    known = _Known(label_names(folder), _pictures(result, folder), runs, _outputs(_reference_place(result, folder)))
    return [_card(result, entry, known) for entry in entries]


def _card(result: Result, entry: Mapping[str, Any], known: _Known) -> SampleCard:
    index, file = int(entry["index"]), str(entry.get("file", ""))
    place, why = known.pictures
    picture = place / file if place else None
    missing = picture is not None and not picture.is_file()
    told = {**entry, **_told(result, index)}
    label, reference = told.get("label"), told.get("reference_answer")
    if reference is None:
        reference = _stored_answer(result, known.reference, index)
    answers = [
        Answer(name, *_answer(result, run, rows, index, (label, reference), known.names))
        for name, run, rows in known.runs
    ]
    return SampleCard(
        index=index,
        file=file or f"sample {index}",
        picture=None if missing else picture,
        no_picture="the picture is not where it was" if missing else why,
        label="" if label is None else _class(int(label), known.names),
        reference="" if reference is None else _class(int(reference), known.names),
        answers=tuple(answers),
        note=_note(entry),
    )


def _answer(
    result: Result, run: Run, rows: Rows | None, index: int, truth: tuple[int | None, int | None], names: Sequence[str]
) -> tuple[str, str]:
    """Return a run's answer in words, and how it stands to the label or, without one, to the reference."""
    own = next((item for item in run.worst_samples if item["index"] == index), {})
    if find_task(_task(result)).answers is None:
        nmse = own.get("nmse")
        return (f"NMSE {numbers.scientific(nmse)}" if nmse is not None else "not among its worst", "")
    answer, (label, reference) = own.get("answer"), truth
    if answer is None:
        answer = _stored_answer(result, rows, index)
    if answer is None:
        return "not on record", ""
    if label is not None:
        return _class(int(answer), names), "right" if answer == label else "wrong"
    return _class(int(answer), names), "" if reference is None else "same" if answer == reference else "changed"


def _stored_answer(result: Result, rows: Rows | None, index: int) -> int | None:
    """Return the answer in stored outputs, None where there are none or the task has no answers."""
    task = find_task(_task(result))
    if rows is None or task.answers is None or any(index >= len(array) for array in rows.values()):
        return None
    one = {name: np.asarray(array[index : index + 1]) for name, array in rows.items()}
    return int(task.answers(one, TaskOptions(int(result.task.get("class_offset", 0) or 0)))[0])


def _task(result: Result) -> str:
    return str(result.task.get("kind", "divergence"))


def _shown_runs(result: Result) -> list[Run]:
    return [run for run in result.runs if run.precision == "int8" and run.status == "ok" and run.runtime != "reference"]


def _told(result: Result, index: int) -> Mapping[str, Any]:
    """Return what any run's list of worst samples tells of a sample."""
    entries = (entry for run in result.runs for entry in run.worst_samples if entry["index"] == index)
    return next((entry for entry in entries if "reference_answer" in entry), {})


def _distance(entry: Mapping[str, Any]) -> float:
    """Return what samples are ranked by; a value that is not finite was stored as null and ranks first."""
    value = entry.get("kl", entry.get("nmse"))
    return float("inf") if value is None else float(value)


def _note(entry: Mapping[str, Any]) -> str:
    if "kl" in entry:
        return "KL is not finite" if entry["kl"] is None else f"KL {numbers.significant(entry['kl'], 2)}"
    return f"output {entry['output']}" if "output" in entry else ""


def _class(index: int, names: Sequence[str]) -> str:
    if index < 0:
        return "no answer"
    return names[index] if index < len(names) else f"class {index}" if not names else str(index)


def _place(run: Run, folder: Path | None) -> Path | None:
    return folder and cell_folder(folder, run.label, run.candidate, run.precision)


def _reference_place(result: Result, folder: Path | None) -> Path | None:
    """Return where the reference's outputs lie; None where candidates have models of their own."""
    if folder is None or len({candidate.model_sha256 for candidate in result.candidates}) > 1:
        return None
    return folder / "reference" / safe_name(f"{result.model.name}-{result.model.sha256[:12]}")


def _outputs(place: Path | None) -> Rows | None:
    """Return a finished stage's stored outputs as memory maps, None where they are not there."""
    listed = (read_json(place / "stage.json").get("value") or {}).get("outputs") or [] if place else []
    try:
        return {item["name"]: np.load(place / item["path"], mmap_mode="r") for item in listed if place} or None
    except (OSError, ValueError, KeyError):
        return None


def _pictures(result: Result, folder: Path | None) -> tuple[Path | None, str]:
    """Return the folder of the evaluation pictures, or None and why there is none."""
    evaluation = result.data.get("evaluation")
    if evaluation is not None and evaluation.kind != "images":
        return None, "an array, no picture"
    try:
        spec = load_study(folder / "study.toml").data_spec("evaluation") if folder else None
    except UserError:
        spec = None
    return (spec.path, "") if spec else (None, "the pictures are not on this machine")
