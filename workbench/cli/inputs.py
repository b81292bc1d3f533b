"""Whether a study's files are there and its folder is its own, seen before anything starts: a scan may take minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from workbench.cli.common import listed
from workbench.errors import DataError, ModelError, OutputError, PlanError, StudyError, UserError
from workbench.execution.study import Study, load_study

Part = Literal["calibration", "evaluation"]
PARTS: tuple[Part, ...] = ("calibration", "evaluation")
GONE = "there is no such file"


def check_inputs(study: Study, plan: Path | None = None) -> None:
    """See that every model, plan, label file and place of samples is there.

    Args:
        plan: of `run --plan`.

    Raises:
        UserError: of the kind of the one thing that is missing; StudyError where several are.
    """
    found = list(missing_inputs(study, plan))
    if len(found) > 1:
        raise StudyError(
            f"{len(found)} things that {study.name} names cannot be read",
            why=listed([str(path) for path, _ in found]),
            how="Mend their paths in the study, or put them where they were.",
        )
    for _, error in found:
        raise error


def check_folder_is_its_own(study: Study, folder: Path) -> None:
    """See that a folder holds no result of a study of another name, another model and other samples.

    A study that was changed resumes in its folder; one with nothing in common would replace what is there.

    Raises:
        OutputError: it holds such a result.
    """
    if not (folder / "result.json").is_file():
        return
    try:
        former = load_study(folder / "study.toml")
        sources = {candidate.source for candidate in former.candidates}
    except UserError:
        return  # nothing tells whose result it is
    has_model = any(candidate.source in sources for candidate in study.candidates)
    if former.name == study.name or has_model or _evaluation(former) == _evaluation(study):
        return
    raise OutputError(
        f"{folder} holds the result of another study, {former.name}",
        why="of another model and other samples; this one would replace it",
        how="Choose another folder with -o.",
    )


def _evaluation(study: Study) -> Path:
    return study.resolve(study.file.data.evaluation.path)


def missing_inputs(study: Study, plan: Path | None = None) -> Iterator[tuple[Path, UserError]]:
    """Yield each path that is missing, or is a folder where a file is due, once, with the error that tells it."""
    seen: set[Path] = set()
    for path, error in (*_models(study), *_plans(study, plan), *_data(study)):
        if path not in seen:
            seen.add(path)
            yield path, error


def _models(study: Study) -> Iterator[tuple[Path, UserError]]:
    for candidate in study.candidates:
        source = Path(candidate.source)
        if ":" not in source.name and not source.is_file():
            why = "it is a folder" if source.is_dir() else GONE
            yield source, ModelError(f"{source} cannot be read", why=why, how="Mend [model] path in the study.")


def _plans(study: Study, plan: Path | None) -> Iterator[tuple[Path, UserError]]:
    for candidate in study.candidates:
        if candidate.plan and not candidate.plan.is_file():
            how = "Mend plan in [[candidates]]."
            yield candidate.plan, PlanError(f"{candidate.plan} cannot be read", why=GONE, how=how)
    if plan and not plan.is_file():
        yield plan, PlanError(f"{plan} cannot be read", why=GONE, how="Mend --plan.")


def _data(study: Study) -> Iterator[tuple[Path, UserError]]:
    for part in PARTS:
        spec, table = study.data_spec(part), f"[data.{part}]"
        if spec and not spec.path.exists():
            what = "folder" if spec.kind == "images" else "file"
            how = f"Mend path in {table}, relative to the study file."
            yield spec.path, DataError(f"{spec.path} cannot be read", why=f"there is no such {what}", how=how)
        if spec and spec.labels and not Path(spec.labels).is_file():
            how = f"Mend labels in {table}, relative to the study file."
            yield Path(spec.labels), DataError(f"{spec.labels} cannot be read", why=GONE, how=how)
