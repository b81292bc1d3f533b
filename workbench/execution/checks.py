"""What can be wrong with a study, found before the long work: plans, calibration, labels, samples that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.errors import ModelError, StudyError
from workbench.execution.bundle import open_bundle
from workbench.execution.cells import Cell
from workbench.execution.evaluate import Outputs
from workbench.execution.import_source import find_kind
from workbench.execution.native import tools_of
from workbench.execution.plans import check_plan_fits
from workbench.execution.preparation import PreparedData, PreparedModel, is_onnx
from workbench.execution.probing import RuntimeState
from workbench.execution.study import Candidate, Study, TaskSection
from workbench.measure.tasks import TaskOptions, find_task
from workbench.model.foreign import refuse_foreign
from workbench.model.sample_index import SampleIndex
from workbench.quant.plan import load_plan


def needs_plan(candidate: Candidate, cells: Sequence[Cell]) -> bool:
    """Whether some cell runs the candidate in INT8 by a plan."""
    return not candidate.native and runs_int8(candidate, cells)


def runs_int8(candidate: Candidate, cells: Sequence[Cell]) -> bool:
    """Whether some cell runs the candidate in INT8."""
    return any(cell.precision == "int8" and cell.candidate.name == candidate.name for cell in cells)


def check_study(study: Study, cells: Sequence[Cell], given: Path | None) -> None:
    """Look at everything that the study file alone can tell.

    Args:
        given: the plan of `run --plan`.

    Raises:
        StudyError: a given plan without the one candidate it is for; calibration data are missing; a native tool-chain
            or an option of it is unknown.
        ModelError: a model file is missing, or of a kind that is not taken.
        FileFormatError, PlanError: a ready plan cannot be read.
    """
    planned = [candidate for candidate in study.candidates if needs_plan(candidate, cells)]
    if given and len(planned) != 1:
        raise StudyError(
            f"--plan fits a study with one quantized candidate, {study.name} has {len(planned)}",
            how='Give plan = "plan.json" in each of the [[candidates]].',
        )
    for candidate in study.candidates:
        _check_source(candidate.source)
    for tool in tools_of(study).values():
        if study.file.data.calibration is None:
            raise StudyError(f"{tool.title} needs calibration data", how="Add [data.calibration].")
    for candidate in planned:
        ready = given or candidate.plan
        if ready:
            load_plan(ready)
        elif candidate.scheme.quantizes_activations and study.file.data.calibration is None:
            raise StudyError(
                f"Scheme {candidate.scheme.name} needs calibration data",
                how="Add [data.calibration], or run with --plan plan.json.",
            )


def _check_source(source: str) -> None:
    """See that a model is there and of a kind that is taken; nothing of it is loaded or run."""
    if not is_onnx(source):
        find_kind(source)
    elif not Path(source).is_file():
        refuse_foreign(Path(source))  # a folder
        raise ModelError(f"{Path(source).name} does not exist", how="Mend [model] path in the study.")


def check_model(
    study: Study,
    model: PreparedModel,
    evaluation: PreparedData,
    calibration: PreparedData | None,
    plans: Sequence[Path],
) -> None:
    """Look at a loaded model together with the samples, the labels and the ready plans it shall meet.

    Samples come before labels: where both do not fit, the model is for other data, and that is what is told.

    Raises:
        DataError: samples or labels do not fit the model.
        PlanError: a plan was made for another model.
    """
    for path in plans:
        check_plan_fits(load_plan(path), model.sha256, path.name)
    for part in (calibration, evaluation):
        if part:
            open_bundle(part.bundle(study, model.inputs, model.state))
    shape = model.compared_specs[0]["shape"][1:]
    if all(isinstance(axis, int) and axis > 0 for axis in shape):
        check_labels(study.file.task, tuple(shape), evaluation.index)


def check_labels(task: TaskSection, shape: tuple[int, ...], index: SampleIndex) -> None:
    """Try the smallest and the largest label on an output of one sample, of the given shape without the batch axis.

    Raises:
        DataError: a label is out of range, or class_offset leaves no class.
    """
    found = find_task(task.kind)
    if not found.has_answers:
        return
    sample = {"output": np.zeros((1, *shape), np.float32)}
    for label in index.label_range or (None,):
        labels = None if label is None else np.asarray([label], np.int64)
        found.evaluate(sample, sample, labels, TaskOptions(task.class_offset, False))


def check_outputs(reference: Outputs) -> None:
    """See that the float32 reference gave something to compare, before runtimes are run for hours.

    Raises:
        ModelError: a compared output has no values.
    """
    for name, array in reference.items():
        if not array.size:
            raise ModelError(
                f"Output {name!r} of the model holds no values",
                why=f"over all samples it is {list(array.shape)}",
                how="Take it out of the model, or give samples for which it holds some.",
            )


def can_verify(cell: Cell, available: RuntimeState) -> bool:
    """Whether a runtime that cannot run here can still write its INT8 artifact, to be compared with the plan.

    Its probe says so by listing the precision although it is not ok.
    """
    is_ours = cell.precision == "int8" and not cell.candidate.native
    return is_ours and not available.ok and cell.precision in available.precisions


def why_not_run(cell: Cell, model: PreparedModel, available: RuntimeState) -> tuple[str, str]:
    """Return why a cell cannot be run at all and what mends it, or two empty texts."""
    if not available.ok:
        return available.reason, available.remedy
    if cell.precision not in available.precisions:
        return f"{cell.precision} is not real on this device; real are {', '.join(available.precisions)}", ""
    if model.fixed_batch not in (None, cell.row.batch):
        fixed = f"the model is fixed at a batch of {model.fixed_batch}, the row asks for {cell.row.batch}"
        return fixed, f"Set batch = {model.fixed_batch} in the row, or export the model with a symbolic batch."
    return "", ""
