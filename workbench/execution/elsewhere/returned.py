"""An archive that came back: every hash compared, every array looked at, and held against the study it was made for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from workbench.errors import FileFormatError, StudyError
from workbench.execution.elsewhere.archive import member_names, read_list, unpack
from workbench.execution.elsewhere.names import JOB_NAME, RETURNED_NAME, RUNNER_NAME
from workbench.execution.elsewhere.pack import is_known_job
from workbench.execution.elsewhere.records import Job, JobCell, Returned, ReturnedCell, parsed
from workbench.execution.elsewhere.stored import StoredStudy
from workbench.files import sha256_of_bytes

HEADER_BYTES = 4096
"""An .npy file is at most so much larger than its values."""
OVERRUN = 1.02
"""Latencies of a block may not add up to more than its wall time, but for the clock's own steps."""


@dataclass(frozen=True, eq=False)
class Arrived:
    """An unpacked result of a job.

    Attributes:
        folder: where its files lie; job_sha256: of the bytes of its job.json.
    """

    folder: Path
    job: Job
    job_sha256: str
    returned: Returned

    def told(self, number: int) -> ReturnedCell:
        """Return what came back about one model of the job."""
        return next(item for item in self.returned.cells if item.number == number)

    def place(self, number: int) -> Path:
        """Return the folder with one model's arrays."""
        return self.folder / "cells" / str(number)


def unpack_returned(path: Path, into: Path, study: Path) -> Arrived:
    """Unpack a result into the folder `into`, which is emptied again where it is refused.

    Nothing is unpacked of a job that was not made from the folder `study`, or whose list claims other files, or larger
    ones, than its models give.

    Raises:
        FileFormatError: it is no result of a job, one byte was changed, or it is not safe to unpack.
        StudyError: the job was not made from this folder. OutputError: it cannot be written.
    """
    names = member_names(path)
    if RETURNED_NAME not in names and {JOB_NAME, RUNNER_NAME} <= names:
        how = f"Unpack it on the other machine and run `python3 {RUNNER_NAME}`; import what that writes."
        raise FileFormatError(f"{path.name} is a bundle that has not been run", how=how)
    returned = parsed(read_list(path, RETURNED_NAME), Returned)
    data = read_list(path, JOB_NAME)
    if sha256_of_bytes(data) != returned.job_sha256:
        raise FileFormatError(f"{path.name} was changed", why=f"{JOB_NAME} is not the job that was run")
    arrived = Arrived(into, parsed(data, Job), returned.job_sha256, returned)
    _check_known(arrived, study, study.name)
    _look_at_list(arrived)
    try:
        unpack(path, into, returned.files, (JOB_NAME, RETURNED_NAME))
        return _looked_at(arrived)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def open_returned(folder: Path) -> Arrived:
    """Open what was unpacked and looked at before. Raises FileFormatError."""
    try:
        data, told = (folder / JOB_NAME).read_bytes(), (folder / RETURNED_NAME).read_bytes()
    except OSError as error:
        raise FileFormatError(f"{folder.name} cannot be read", why=error.strerror or str(error)) from error
    return Arrived(folder, parsed(data, Job), sha256_of_bytes(data), parsed(told, Returned))


def check_fits(arrived: Arrived, stored: StoredStudy) -> None:
    """See that a result belongs to a study as it is now.

    Raises:
        StudyError: the job was not made from its folder, or model, samples, outputs or plan are others by now.
    """
    job, name = arrived.job, stored.study.name
    _check_known(arrived, stored.folder, name)
    models = [model for model in stored.models.values() if model.prepared.sha256 == job.model_sha256]
    if not models:
        raise _changed(name, "the model", job.model_sha256)
    outputs = [item.model_dump() for item in job.outputs]
    compared = [{**item, "shape": list(item["shape"])} for item in models[0].prepared.compared_specs]
    if outputs != compared:
        raise _changed(name, "the list of compared outputs", arrived.job_sha256)
    if job.samples_sha256 != models[0].samples_sha256:
        raise _changed(name, "the evaluation set with its preprocessing", job.samples_sha256)
    known = {candidate.name for candidate in stored.study.candidates}
    for cell in job.cells:
        plan = stored.plans.get(cell.candidate)
        if cell.candidate not in known:
            raise _changed(name, "the list of candidates", arrived.job_sha256)
        if cell.plan_sha256 and (plan is None or plan.plan.sha256 != cell.plan_sha256):
            raise _changed(name, f"the plan of {cell.candidate}", cell.plan_sha256)


def outputs_of(arrived: Arrived, cell: JobCell) -> dict[str, npt.NDArray[Any]]:
    """Return one model's answers as memory maps, in the compared order."""
    told, place = arrived.told(cell.number), arrived.place(cell.number)
    return {item.name: np.load(place / item.path, mmap_mode="r") for item in told.outputs}


def _check_known(arrived: Arrived, study: Path, name: str) -> None:
    if not is_known_job(study, arrived.job_sha256):
        why = f"job {arrived.job_sha256[:12]}, made of {arrived.job.study_name}, was not bundled from this folder"
        raise StudyError(f"The result does not belong to {name}", why=why, how="Give the folder it was bundled from.")


def _look_at_list(arrived: Arrived) -> None:
    """See that the list names what its models give, in the sizes that their forms have. Raises FileFormatError."""
    numbers = [cell.number for cell in arrived.job.cells]
    if sorted(cell.number for cell in arrived.returned.cells) != sorted(numbers):
        raise _damaged("it does not speak of every model of its job once")
    failed = tuple(f"cells/{cell.number}/" for cell in arrived.returned.cells if cell.status == "failed")
    most = {
        f"cells/{cell.number}/{name}": size
        for cell in arrived.job.cells
        for name, size in _sizes(arrived, cell, arrived.told(cell.number))
    }
    for name, known in arrived.returned.files.items():
        if name not in most and not name.startswith(failed):
            raise _damaged(f"{name[:80]} is nothing that a model of its job gives")
        if known.bytes > most.get(name, known.bytes):
            raise _damaged(f"{name} is larger than what it holds")


def _sizes(arrived: Arrived, cell: JobCell, told: ReturnedCell) -> list[tuple[str, int]]:
    """Return the files of one model and how large each may be, in bytes."""
    specs = {item.name: item.shape for item in arrived.job.outputs}
    rows = arrived.job.n * cell.batch
    outputs = [
        (item.path, _most_values(item.shape, specs.get(item.name, []), rows) * _item_bytes(item.dtype))
        for item in told.outputs
    ]
    blocks = [(f"block_{number}.npy", block.runs * 8) for number, block in enumerate(told.blocks)]
    warm_up = [("warm_up.npy", told.warm_up.runs * 8)] if told.warm_up else []
    return [(name, size + HEADER_BYTES) for name, size in [*outputs, *blocks, *warm_up]]


def _most_values(told: Sequence[int], declared: Sequence[int | str], rows: int) -> int:
    """Return how many values an output may have: as told, but no more than axes give that the model fixes."""
    fixed = [size for size in declared[1:] if isinstance(size, int)]
    first = declared[0] if declared and isinstance(declared[0], int) else 1
    return prod(told) if len(fixed) < len(declared) - 1 else min(prod(told), rows * first * prod(fixed))


def _item_bytes(dtype: str) -> int:
    try:
        return np.dtype(dtype).itemsize
    except TypeError as error:
        raise _damaged(f"there is no dtype {dtype[:40]!r}") from error


def _looked_at(arrived: Arrived) -> Arrived:
    """Return a result whose arrays are of the forms told. Raises FileFormatError."""
    for cell in arrived.job.cells:
        told = arrived.told(cell.number)
        if told.status == "ok":
            _look_at_answers(arrived, cell, told)
            _look_at_clocks(arrived, cell, told)
    return arrived


def _look_at_answers(arrived: Arrived, cell: JobCell, told: ReturnedCell) -> None:
    if [item.name for item in told.outputs] != [item.name for item in arrived.job.outputs]:
        raise _damaged(f"{cell.label} {cell.precision} has other outputs than were asked for")
    runs = -(-arrived.job.n // cell.batch)
    for item in told.outputs:
        found = _array(arrived, cell, item.path)
        rows = arrived.job.n if item.per_sample else runs
        if (str(found.dtype), list(found.shape)) != (item.dtype, item.shape) or not found.shape or len(found) != rows:
            raise _damaged(f"output {item.name!r} of {cell.label} {cell.precision} is not of the form told")
        if found.dtype.kind not in "fiub":
            raise _damaged(f"output {item.name!r} of {cell.label} {cell.precision} holds no numbers")


def _look_at_clocks(arrived: Arrived, cell: JobCell, told: ReturnedCell) -> None:
    if told.blocks and told.warm_up is None:
        raise _damaged(f"{cell.label} {cell.precision} was timed without a warm-up")
    parts = [(f"block_{k}.npy", block.runs, block.wall_ns / 1e9) for k, block in enumerate(told.blocks)]
    warm = told.warm_up
    for name, runs, seconds in [*parts, *([("warm_up.npy", warm.runs, warm.seconds)] if warm else [])]:
        found = _array(arrived, cell, name)
        if found.dtype != np.int64 or found.shape != (runs,) or not runs or found.min() < 1:
            raise _damaged(f"{name} of {cell.label} {cell.precision} does not hold {runs} latencies")
        if float(found.sum(dtype=np.float64)) / 1e9 > OVERRUN * seconds:
            raise _damaged(f"latencies in {name} of {cell.label} {cell.precision} add up to more than its time")


def _array(arrived: Arrived, cell: JobCell, name: str) -> npt.NDArray[Any]:
    path = arrived.place(cell.number) / name
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile, TypeError, SyntaxError) as error:
        raise _damaged(f"{name} of {cell.label} {cell.precision} is no array") from error
    if not isinstance(found, np.ndarray):
        raise _damaged(f"{name} of {cell.label} {cell.precision} is no array")
    return found


def _damaged(why: str) -> FileFormatError:
    return FileFormatError(f"{RETURNED_NAME} is damaged", why=why, how="Run the job again.")


def _changed(study: str, what: str, sha256: str) -> StudyError:
    why = f"the job was made with another ({sha256[:12]})"
    return StudyError(f"{what[0].upper()}{what[1:]} of {study} has changed since", why=why, how="Bundle it anew.")
