"""An earlier study that a new one is compared with: opened and refused before any work, its runs found by row.

Comparable are studies on the same evaluation set, task and preprocessing with at least one model in common. Everything
else may differ, and is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import StudyError, UserError
from workbench.execution.evaluate import Outputs, open_outputs
from workbench.execution.load_result import load_result
from workbench.execution.output_files import outputs_sha256
from workbench.execution.result import Result, Run
from workbench.execution.store import cell_folder, require_study_folder, stage_value
from workbench.execution.study import Study

RUN_AGAIN = "Run the baseline again, or give another folder with --baseline."
NOT_KEPT = "its answers are not kept in the baseline"
DAMAGED = "its answers in the baseline are not those of the baseline's result.json"


@dataclass(frozen=True, eq=False)
class Baseline:
    """An earlier study.

    Attributes:
        folder: where it lies; result: its result.json.
    """

    folder: Path
    result: Result

    def outputs_of(self, run: Run) -> Outputs | str:
        """Return a run's outputs as memory maps, or why they cannot be had; all bytes are read once and checked."""
        place = cell_folder(self.folder, run.label, run.candidate, run.precision)
        try:
            record = stage_value(place)
            outputs = open_outputs(place, record) if record else None
        except (UserError, OSError, ValueError, KeyError, TypeError):
            return DAMAGED
        if outputs is None:
            return NOT_KEPT
        return outputs if outputs_sha256(outputs) == run.outputs_sha256 else DAMAGED


def open_baseline(folder: Path, output: Path) -> Baseline:
    """Open an earlier study's folder, to compare what will be written to `output` with it.

    Raises:
        StudyError: it is no study folder, or a damaged one, or the very folder that is written to.
    """
    if folder.resolve() == output.resolve():
        raise StudyError(
            f"{folder.name} cannot be its own baseline",
            why="-o and --baseline name the same folder",
            how="Give the folder of an earlier run, or write to another one with -o.",
        )
    try:
        result = load_result(require_study_folder(folder) / "result.json")
    except UserError as error:
        raise StudyError(f"The baseline {folder.name} cannot be used", why=str(error), how=RUN_AGAIN) from error
    baseline = Baseline(folder, result)
    _refuse_damaged(baseline)
    return baseline


def refuse_incomparable(baseline: Baseline, study: Study, evaluation_sha256: str, models: Mapping[str, str]) -> None:
    """See that a study asks what the baseline asked.

    Args:
        evaluation_sha256: of the study's evaluation set; models: SHA-256 of each of its models -> name.

    Raises:
        StudyError: evaluation set, task or preprocessing differ, or no model is in both.
    """
    then, name = baseline.result, baseline.folder.name
    evaluation = then.data.get("evaluation")
    if evaluation is None or evaluation.sha256 != evaluation_sha256:
        found = f"{evaluation.n} samples of {evaluation.name}, other content or order" if evaluation else "none"
        raise _not_comparable(name, "evaluation set", found)
    if then.task != study.file.task.model_dump(mode="json"):
        raise _not_comparable(name, "task", _listed(then.task))
    if then.preprocess != study.preprocess.to_json():
        raise _not_comparable(name, "preprocessing", _listed(then.preprocess))
    known = {item.model_sha256 for item in then.candidates}
    if not known & set(models):
        told = f"{then.model.name} {then.model.sha256[:12]}, here {_named(models)}"
        raise _not_comparable(name, "model", told)


def counterparts(baseline: Baseline, result: Result) -> dict[int, Run]:
    """Return position in `result.runs` -> the baseline's run of the same row; of the same model alone.

    A row is found by label, candidate and precision; what is left by runtime and precision, where one run on each side
    has them (a row called "ort 1.30" then and "ort 1.31" now).
    """
    wanted = {at: run for at, run in enumerate(result.runs) if run.runtime != "reference"}
    left = [run for run in baseline.result.runs if run.runtime != "reference"]
    found: dict[int, Run] = {}
    for key_of in (_by_name, _by_runtime):
        then = _unique([(key_of(baseline.result, run), run) for run in left])
        now = _unique([(key_of(result, run), at) for at, run in wanted.items() if at not in found])
        for key in now.keys() & then.keys():
            found[now[key]] = then[key]
        taken = {id(run) for run in found.values()}
        left = [run for run in left if id(run) not in taken]
    return found


def model_of(result: Result, run: Run) -> str:
    """Return the SHA-256 of the model of a run's candidate, "" where the result does not tell."""
    return next((item.model_sha256 for item in result.candidates if item.name == run.candidate), "")


def _refuse_damaged(baseline: Baseline) -> None:
    """Refuse a folder with cut off answers; one without them still tells which runs are equal bit for bit."""
    for run in baseline.result.runs:
        place = cell_folder(baseline.folder, run.label, run.candidate, run.precision)
        if run.runtime != "reference" and run.status == "ok" and place.is_dir() and stage_value(place) is None:
            raise StudyError(
                f"The baseline {baseline.folder.name} is damaged",
                why=f"the answers of {run.label} {run.candidate} {run.precision} are missing or cut off",
                how=RUN_AGAIN,
            )


def _not_comparable(name: str, what: str, found: str) -> StudyError:
    return StudyError(
        f"The study cannot be compared with the baseline {name}",
        why=f"the {what} differs; the baseline's is: {found}",
        how=f"Give a baseline with the same {what}, or run without --baseline.",
    )


def _listed(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in table.items()) or "none"


def _named(models: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {sha256[:12]}" for sha256, name in models.items())


def _by_name(result: Result, run: Run) -> tuple[str, ...]:
    return run.label, run.candidate, run.precision, model_of(result, run)


def _by_runtime(result: Result, run: Run) -> tuple[str, ...]:
    return run.runtime, run.precision, model_of(result, run)


def _unique(items: Sequence[tuple[tuple[str, ...], Any]]) -> dict[tuple[str, ...], Any]:
    """Return the items whose key no other has."""
    keys = [key for key, _ in items]
    return {key: value for key, value in items if keys.count(key) == 1}
