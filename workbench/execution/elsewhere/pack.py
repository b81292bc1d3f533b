"""Makes a bundle: the models of one runtime already lowered, inputs, study and runner in one archive.

Artifacts are built into `bundles/` of the study folder, beside those that the study measured; each job that was made is
remembered there, so that only its own answers are taken back.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tomli_w

import workbench
from workbench.errors import StudyError
from workbench.execution.artifacts import Artifact, CellFailedError, make_artifact
from workbench.execution.bundle import open_bundle
from workbench.execution.cells import ROUNDS, Cell, cells_of
from workbench.execution.discovery import Manifest
from workbench.execution.elsewhere.archive import file_facts, write_archive
from workbench.execution.elsewhere.names import ELSEWHERE_NAME, JOB_NAME, README_NAME, RUNNER_NAME, STUDY_NAME
from workbench.execution.elsewhere.records import ArrayFacts, Job, JobCell, MeasureFacts, OutputSpec
from workbench.execution.elsewhere.standalone import standalone_file
from workbench.execution.elsewhere.stored import StoredStudy, open_stored
from workbench.execution.folder_lock import folder_lock
from workbench.execution.load_result import load_result
from workbench.execution.probing import RuntimeState, find_runtime, probe
from workbench.execution.run_records import DeviationRecord, Parity
from workbench.execution.stages import OnEvent, Stages
from workbench.execution.store import Store, require_study_folder
from workbench.execution.study import PROFILE_SECONDS, RuntimeSection, Study, with_row_names
from workbench.files import canonical_json, sha256_of_bytes, write_bytes_atomic
from workbench.model.data import Samples
from workbench.model.graph import GraphSummary

BUNDLES, JOBS = "bundles", "jobs"
STAGE_NAME = "stage.json"
SCRATCH = "job-"
MADE_HERE = ("engines", "*.engine")
"""What lies beside an artifact and was compiled for this machine's device."""
CHUNK = 64
README = """\
A job of INT8 Workbench: {title}.

On this machine are needed: Python 3.9 or newer, numpy, and {runtime}. Then:

    python3 runner.py -o result.zip

On Windows python3 is called python. It takes about {minutes:.0f} minutes and uses no network.
Take result.zip back to where the job was made:

    int8-workbench import-result result.zip DIR
"""


@dataclass(frozen=True)
class BundleOptions:
    """What goes into a bundle.

    Attributes:
        runtime: its id; a runtime that the study has no row of gets one with defaults.
        target: the processor the artifacts are for; that of the row, or of this machine, by default.
        candidates: their names; all by default.
        profile: for how long is timed; by default as the result was.
    """

    runtime: str
    target: str | None = None
    candidates: tuple[str, ...] = ()
    profile: str | None = None


@dataclass(frozen=True)
class Packed:
    """A bundle that was made.

    Attributes:
        models: titles of what is in it; left_out: title -> why it is not.
        job_sha256: stands for everything in it.
    """

    path: Path
    models: tuple[str, ...]
    left_out: Mapping[str, str]
    n: int
    job_sha256: str


def make_bundle(
    folder: Path, out: Path, options: BundleOptions, on_event: OnEvent, cancel: threading.Event | None = None
) -> Packed:
    """Write the bundle of one runtime of a finished study.

    Args:
        folder: the study folder.

    Raises:
        StudyError: the runtime is unknown, nothing of it can be bundled, or the folder is not what its result says.
        DataError: samples changed since the study ran. OutputError: `out` cannot be written.
        JobCancelledError: `cancel` was set.
    """
    manifest = _manifest(options.runtime)
    opens = standalone_file(manifest)
    folder = require_study_folder(folder).resolve()
    result = load_result(folder / "result.json")
    with folder_lock(folder):
        stored = open_stored(folder, result)
        stages = Stages(Store(folder / BUNDLES), on_event, cancel or threading.Event())
        stages.store.open()
        for left in stages.store.root.glob(f"{SCRATCH}*"):  # of a killed program
            shutil.rmtree(left, ignore_errors=True)
        available = probe(manifest, cancel=stages.cancel)
        wanted, left_out = _wanted(stored, _cells(stored.study, manifest, options), options)
        made = [(cell, _artifact(stages, stored, cell, manifest, available, left_out)) for cell in wanted]
        ready = [(cell, artifact) for cell, artifact in made if artifact is not None]
        if not ready:
            raise StudyError(f"Nothing of {manifest.title} can be bundled", why="; ".join(left_out.values()))
        with TemporaryDirectory(prefix=SCRATCH, dir=stages.store.root) as scratch:
            (Path(scratch) / ELSEWHERE_NAME).write_bytes(opens)
            measure = _measure(options.profile or result.profile, len(ready), stored.study)
            job = _write_files(stages, stored, ready, available, measure, Path(scratch))
            document = _bytes(job)
            (Path(scratch) / JOB_NAME).write_bytes(document)
            write_archive(out, Path(scratch), [JOB_NAME, *sorted(job.files)])
        sha256 = sha256_of_bytes(document)
        write_bytes_atomic(folder / BUNDLES / JOBS / f"{sha256}.json", document)
    return Packed(out, tuple(cell.title for cell, _ in ready), left_out, job.n, sha256)


def is_known_job(folder: Path, sha256: str) -> bool:
    """Whether a job was made from this study folder."""
    return (folder / BUNDLES / JOBS / f"{sha256}.json").is_file()


def runner_text() -> str:
    """Return the stand-alone runner, one Python file."""
    return (files("workbench_resources") / "runner" / RUNNER_NAME).read_text(encoding="utf-8")


def _manifest(runtime_id: str) -> Manifest:
    found = find_runtime(runtime_id)
    if isinstance(found, RuntimeState):
        raise StudyError(f"{found.title} cannot be bundled", why=found.reason, how=found.remedy)
    return found


def _cells(study: Study, manifest: Manifest, options: BundleOptions) -> list[Cell]:
    """Return the cells of the study's rows of this runtime, or of one with defaults."""
    rows = [row for row in study.file.runtimes if row.id == options.runtime] or [RuntimeSection(id=options.runtime)]
    if options.target:
        rows = [RuntimeSection.model_validate({**row.model_dump(), "target": options.target}) for row in rows]
    chosen = Study(study.file.model_copy(update={"runtimes": rows}), study.folder, study.name)
    return cells_of(with_row_names(chosen, {manifest.id: manifest.title}))


def _wanted(stored: StoredStudy, cells: Sequence[Cell], options: BundleOptions) -> tuple[list[Cell], dict[str, str]]:
    """Return the cells that can travel together, and why each other one does not."""
    names = {candidate.name for candidate in stored.study.candidates}
    if unknown := sorted(set(options.candidates) - names):
        raise StudyError(f"This study has no candidate {unknown[0]!r}", how=f"Choose from {', '.join(sorted(names))}.")
    chosen = [cell for cell in cells if not options.candidates or cell.candidate.name in options.candidates]
    left_out = {cell.title: reason for cell in chosen if (reason := _why_not(stored, cell, chosen[0]))}
    return [cell for cell in chosen if cell.title not in left_out], left_out


def _why_not(stored: StoredStudy, cell: Cell, first: Cell) -> str:
    if cell.candidate.native and cell.precision == "int8":
        return "what a native tool-chain made is not bundled"
    if cell.candidate.source != first.candidate.source:
        return "it is of another model: choose its candidate for a bundle of its own"
    if cell.candidate.source not in stored.models or (cell.precision == "int8" and _plan_missing(stored, cell)):
        return "the study has no plan of it"
    fixed = stored.model_of(cell.candidate).prepared.fixed_batch
    return f"the model is fixed at a batch of {fixed}" if fixed not in (None, cell.row.batch) else ""


def _plan_missing(stored: StoredStudy, cell: Cell) -> bool:
    return cell.candidate.name not in stored.plans


def _artifact(
    stages: Stages,
    stored: StoredStudy,
    cell: Cell,
    manifest: Manifest,
    available: RuntimeState,
    left_out: dict[str, str],
) -> Artifact | None:
    """Build one cell's artifact and compare it with the plan; None, with the reason noted, where that fails."""
    kept = stored.plans[cell.candidate.name] if cell.precision == "int8" else None
    plan = (kept.plan, kept.path) if kept else None
    model = stored.model_of(cell.candidate).prepared
    try:
        made = make_artifact(stages, cell, manifest, available.tool_chain, model, plan)
    except CellFailedError as error:
        left_out[cell.title] = error.outcome.message or str(error.outcome)
        return None
    if (made.record.get("parity") or {}).get("mismatches"):
        left_out[cell.title] = "its artifact does not hold the plan's numbers"
        return None
    return made


def _write_files(
    stages: Stages,
    stored: StoredStudy,
    ready: Sequence[tuple[Cell, Artifact]],
    available: RuntimeState,
    measure: MeasureFacts,
    place: Path,
) -> Job:
    """Write everything but the list itself and the plugin's file into a folder."""
    study, model = stored.study, stored.model_of(ready[0][0].candidate)
    prepared = model.prepared
    samples = open_bundle(stored.evaluation.bundle(study, prepared.inputs, prepared.state))
    if samples.sha256 != model.samples_sha256:
        raise StudyError("The samples are not those the study measured", how="Run the study again into this folder.")
    inputs = _write_inputs(stages, samples, place)
    start = [
        _saved(name, np.asarray(values), f"inputs/start_{k}.npy", place)
        for k, (name, values) in enumerate(samples.feedback.start.items() if samples.feedback else ())
    ]
    cells = [_write_cell(number, cell, made, stored, place) for number, (cell, made) in enumerate(ready)]
    _write_texts(study, available.title, measure.seconds * len(cells), place)
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    return Job(
        program_version=workbench.__version__,
        study_name=study.name,
        runtime=available.id,
        elsewhere=ELSEWHERE_NAME,
        versions=dict(available.versions),
        model_sha256=prepared.sha256,
        data_sha256=stored.evaluation.index.sha256,
        samples_sha256=samples.sha256,
        n=samples.n,
        frames=samples.feedback.frames if samples.feedback else 1,
        state=prepared.state,
        inputs=inputs,
        start=start,
        outputs=[OutputSpec.model_validate(spec) for spec in prepared.compared_specs],
        measure=measure,
        cells=cells,
        files=file_facts(place, names),
    )


def _measure(profile: str, models: int, study: Study) -> MeasureFacts:
    """Return how long each model is timed, within the study's budget."""
    seconds, budget = PROFILE_SECONDS[profile], study.file.measure.budget_s
    seconds = seconds if budget is None else min(seconds, budget / models)
    return MeasureFacts(profile=profile, seconds=seconds, rounds=ROUNDS[profile] if seconds else 0)


def _write_inputs(stages: Stages, samples: Samples, place: Path) -> list[ArrayFacts]:
    """Write every input over all samples as one array, batch by batch."""
    stages.stage("Write inputs", "start")
    (place / "inputs").mkdir()
    maps: dict[str, Any] = {}
    done = 0
    with closing(samples.batches(1 if samples.feedback else CHUNK)) as stream:
        for feeds in stream:
            stages.check_cancelled()
            for name, rows in feeds.items():
                if name not in maps:
                    path, shape = place / f"inputs/{len(maps)}.npy", (samples.n, *rows.shape[1:])
                    maps[name] = np.lib.format.open_memmap(path, "w+", dtype=rows.dtype, shape=shape)
                maps[name][done : done + len(rows)] = rows
            done += len(next(iter(feeds.values())))
            stages.progress({"event": "progress", "done": done, "total": samples.n, "text": "samples"})
    for values in maps.values():
        values.flush()
    stages.stage("Write inputs", "done")
    return [
        ArrayFacts(name=name, path=f"inputs/{k}.npy", dtype=str(values.dtype), shape=list(values.shape))
        for k, (name, values) in enumerate(maps.items())
    ]


def _saved(name: str, values: Any, path: str, place: Path) -> ArrayFacts:
    np.save(place / path, values)
    return ArrayFacts(name=name, path=path, dtype=str(values.dtype), shape=list(values.shape))


def _write_cell(number: int, cell: Cell, made: Artifact, stored: StoredStudy, place: Path) -> JobCell:
    """Copy an artifact with what lies beside it, and describe it."""
    record, folder = made.record, place / "artifacts" / str(number)
    plan_sha256 = stored.plans[cell.candidate.name].plan.sha256 if cell.precision == "int8" else None
    beside = made.path.parent
    if (beside / STAGE_NAME).is_file():  # the artifact is the plugin's whole folder
        shutil.copytree(made.path, folder / made.path.name)
    else:
        shutil.copytree(beside, folder, ignore=shutil.ignore_patterns(*MADE_HERE))
    told = [*record.get("announced", []), *record["deviations"]]
    return JobCell(
        number=number,
        label=cell.row.label,
        candidate=cell.candidate.name,
        precision=cell.precision,  # type: ignore[arg-type]
        plan_sha256=plan_sha256,
        artifact=f"artifacts/{number}/{made.path.name}",
        artifact_sha256=record["artifact_sha256"],
        artifact_bytes=record["artifact_bytes"],
        build_s=record["build_s"],
        threads=cell.row.threads,
        batch=cell.row.batch,
        settings=cell.row.options,
        notes=record["notes"],
        deviations=[DeviationRecord.model_validate(item) for item in told],
        parity=Parity.model_validate(record["parity"]) if record.get("parity") else None,
        linear_nodes=_linear_nodes(stored.model_of(cell.candidate).graph),
    )


def _linear_nodes(graph: GraphSummary) -> list[str]:
    """Return the Gemms and MatMuls that have one input which is no constant."""
    linear = [node for node in graph.nodes if node.op_type in ("Gemm", "MatMul")]
    return [
        node.name
        for node in linear
        if sum(bool(name) and k not in node.constant_inputs for k, name in enumerate(node.inputs)) == 1
    ]


def _write_texts(study: Study, runtime: str, seconds: float, place: Path) -> None:
    (place / RUNNER_NAME).write_text(runner_text(), encoding="utf-8")
    minutes = max(1.0, 1.5 * seconds / 60)
    text = README.format(title=study.name, runtime=runtime, minutes=minutes)
    (place / README_NAME).write_text(text, encoding="utf-8")
    document = study.file.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (place / STUDY_NAME).write_text(
        tomli_w.dumps({"schema_version": 1, **_without_folders(document)}), encoding="utf-8"
    )


def _without_folders(value: Any, key: str = "") -> Any:
    """Return a study's content with every path cut to its last part: folders are nobody else's business."""
    if isinstance(value, dict):
        return {name: _without_folders(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    is_path = key in ("path", "labels", "plan", "python") and isinstance(value, str)
    return Path(value).name if is_path else value


def _bytes(job: Job) -> bytes:
    return canonical_json(job.model_dump(mode="json")) + b"\n"
