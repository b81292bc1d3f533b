"""What a study of a recurrent model must say, and may not: state that is fed back, sequences of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import StudyError

if TYPE_CHECKING:
    from workbench.execution.study import Study


def check_sequences(study: Study) -> None:
    """Look at state, frames, task and batch together.

    Raises:
        StudyError: candidates disagree about one model's state, some but not all models have one, frames without a
            state, or a state with images, with a task other than divergence, or with a batch above 1.
    """
    states = [study.state_of(candidate.source) for candidate in study.candidates]
    sections = [section for section in (study.file.data.calibration, study.file.data.evaluation) if section]
    _check_one_state(study)
    if not any(states):
        if any(section.frames for section in sections):
            raise StudyError("frames is for models with state", how="Give state in [model], or leave frames out.")
        return
    if not all(states):
        raise StudyError(
            "some candidates have state and some have none", why="the same data cannot be sequences and single samples",
            how="Give them a study each.",
        )  # fmt: skip
    if any(section.kind != "arrays" for section in sections):
        raise StudyError("a model with state needs sequences", how='Use kind = "arrays" in [data].')
    if study.file.task.kind != "divergence":
        raise StudyError(
            f"a model with state has no {study.file.task.kind} task yet", how='Use kind = "divergence" in [task].'
        )
    for row in study.file.runtimes:
        if row.batch != 1:
            raise StudyError(
                f"row {row.label!r} asks for batch {row.batch}", why="a model with state runs one sequence at a time",
                how="Leave batch out.",
            )  # fmt: skip


def _check_one_state(study: Study) -> None:
    for candidate, section in zip(study.candidates, study.models, strict=True):
        if section.state != study.state_of(candidate.source):
            raise StudyError(
                f"Candidate {candidate.name!r} feeds back other outputs than another one of the same model",
                how="Give both the same state.",
            )
