"""Runs that came back: taken into the study folder once, and put into every result that it gets from then on."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import OutputError, StudyError, UserError
from workbench.execution import assemble
from workbench.execution.assemble import CellState, own_float, run_record
from workbench.execution.elsewhere.observed import JOB_FACT, differing_versions, findings_of, machine_of, states_of
from workbench.execution.elsewhere.returned import Arrived, check_fits, open_returned, unpack_returned
from workbench.execution.elsewhere.stored import StoredStudy, open_stored
from workbench.execution.evaluate import Outputs, disagreement
from workbench.execution.folder_lock import folder_lock
from workbench.execution.load_result import load_result
from workbench.execution.result import Disagreement, Machine, Result, Run
from workbench.execution.speed import CellName, MeasuredSpeed
from workbench.execution.store import require_study_folder
from workbench.execution.study import RuntimeSection
from workbench.execution.verdicts import kept_baseline_verdicts, verdicts_of
from workbench.files import canonical_json, sha256_of_bytes, write_json_atomic

PLACE, IMPORTED_NAME = "returned", "imported.json"
IMPORT_VERSION = 1
INCOMING = ".incoming-"
NAME_LETTERS, LONGEST_NAME = 24, 60
CAME_BACK = "what came back from"
NO_PEAK = "its models share one process on the other machine"
_NOISE = re.compile(r"\((R|TM)\)|\bCPU\b|\bProcessor\b|\b\d+-Core\b|@.*$|\bw/.*$")


@dataclass(frozen=True)
class Imported:
    """What an import added.

    Attributes:
        labels: of its rows in the result; machine: id of its group; versions: which differ, in words, or "".
    """

    result: Result
    labels: tuple[str, ...]
    machine: str
    name: str
    versions: str


@dataclass(frozen=True, eq=False)
class _Kept:
    """A result that lies in the study folder, with the name its machine was given."""

    arrived: Arrived
    name: str


def import_result(path: Path, folder: Path, name: str = "") -> Imported:
    """Take a result into a study folder and write its `result.json` anew.

    Args:
        name: what the other machine is called; its processor's name by default.

    Raises:
        FileFormatError: the archive is damaged, changed or not safe.
        StudyError: it does not belong to this study, or the name cannot be shown, or is another machine's.
        OutputError: the folder cannot be written.
    """
    folder = require_study_folder(folder).resolve()
    with folder_lock(folder):
        result = load_result(folder / "result.json")
        stored = open_stored(folder, result)
        for left in (folder / PLACE).glob(f"{INCOMING}*"):  # of a killed program
            shutil.rmtree(left, ignore_errors=True)
        incoming = folder / PLACE / f"{INCOMING}{uuid.uuid4().hex}"
        arrived = unpack_returned(path, incoming, folder)
        try:
            check_fits(arrived, stored)
            name = _checked_name(name, arrived, folder)
            _note(arrived, name)
            place = _settled(arrived, folder)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        merged = with_returned(result, folder)
        write_json_atomic(folder / "result.json", merged.model_dump(mode="json"))
    kept = open_returned(place)
    mine = [run for run in merged.runs if _is_of(run, kept)]
    labels = tuple(dict.fromkeys(run.label for run in mine))
    return Imported(merged, labels, machine_of(kept), name, differing_versions(kept.job, kept.returned.versions))


def with_returned(result: Result, folder: Path) -> Result:
    """Return a study's result with the runs of every job that came back into its folder and still belongs to it.

    What does not belong to it any more is a finding, not an error.
    """
    places = _places(folder)
    if not places:
        return result
    own = _without_returned(result)
    stored: StoredStudy | None = None
    fitting: list[_Kept] = []
    lost: list[str] = []
    for place in places:
        try:
            stored = stored or open_stored(folder, own)
            kept = _Kept(open_returned(place), _noted_name(place))
            check_fits(kept.arrived, stored)
            fitting.append(kept)
        except UserError as error:
            lost.append(f"{CAME_BACK} {_noted_name(place)} is left out: {error}")
    if stored is None:
        return own.model_copy(update={"findings": [*own.findings, *lost]})
    return _merged(own, stored, fitting, lost)


def _merged(own: Result, stored: StoredStudy, kept: Sequence[_Kept], lost: Sequence[str]) -> Result:
    """Return a result with the runs of jobs, and everything that depends on all runs made anew."""
    runs, discordant = list(own.runs), [own.resolution_points]
    states: list[CellState] = []
    machines = {item.id: item for item in own.machines}
    for item in kept:
        machine = machine_of(item.arrived)
        machines.setdefault(machine, Machine(id=machine, facts=dict(item.arrived.returned.machine)))
        found = states_of(item.arrived, stored, machine, _rows(item, {run.label for run in runs}))
        for run, resolution in _runs(found, stored, item.arrived):
            runs.append(run)
            discordant.append(resolution)
        states += found
    runs = assemble.with_holm(_with_reference_last(runs))
    return own.model_copy(
        update={
            "runs": runs,
            "machines": list(machines.values()),
            "resolution_points": max((value for value in discordant if value is not None), default=None),
            "disagreements": [*own.disagreements, *_disagreements(own, stored, states)],
            "verdicts": [*verdicts_of(runs, own.gates), *kept_baseline_verdicts(own.verdicts)],
            "findings": [*own.findings, *lost],
        }
    )


def _runs(states: Sequence[CellState], stored: StoredStudy, arrived: Arrived) -> list[tuple[Run, float | None]]:
    """Return the runs of one job, and the accuracy difference the set resolves for each; ratios stay within the job."""
    speeds: Mapping[CellName, MeasuredSpeed] = {state.cell.name: state.speed for state in states if state.speed}
    found = []
    for state, cell in zip(states, arrived.job.cells, strict=True):
        model, plan = stored.model_of(state.cell.candidate), stored.plans.get(state.cell.candidate.name)
        simulated = plan.simulated if plan and state.plan else None
        measured = arrived.job.measure
        run, share = run_record(
            state, model.judge, model.graph, simulated, own_float(state, states), speeds, measured.profile
        )
        told = findings_of(arrived, arrived.told(cell.number))
        update = {
            "facts": {**run.facts, JOB_FACT: arrived.job_sha256},
            "findings": [*run.findings, *told],
            "reasons": {**run.reasons, "peak_rss_bytes": NO_PEAK},
        }
        resolution = assemble.resolution(stored.evaluation.index.n, [share])
        found.append((run.model_copy(update=update), resolution))
    return found


def _rows(kept: _Kept, taken: set[str]) -> dict[str, RuntimeSection]:
    """Return the row of each label of a job, under a label that no other row has."""
    rows: dict[str, RuntimeSection] = {}
    for cell in kept.arrived.job.cells:
        label = f"{cell.label} ({kept.name})"
        if label in taken:
            label = f"{cell.label} ({kept.name}, {_versions_in_words(kept.arrived)})"
        if label in taken:
            label = f"{cell.label} ({kept.name} {machine_of(kept.arrived)[:4]} {kept.arrived.job_sha256[:4]})"
        rows[cell.label] = rows.get(cell.label) or RuntimeSection(
            id=kept.arrived.job.runtime,
            name=label,
            threads=cell.threads,
            batch=cell.batch,
            options=cell.settings,
            required=False,
        )
    return rows


def _disagreements(own: Result, stored: StoredStudy, states: Sequence[CellState]) -> list[Disagreement]:
    """Compare every returned run with every run made here, and with those returned before it."""
    here = [run for run in own.runs if run.status == "ok" and run.runtime != "reference"]
    found = []
    for position, state in enumerate(states):
        if state.outputs is None:
            continue
        key = (state.cell.candidate.name, state.cell.precision)
        others: list[tuple[str, Outputs | None]] = [
            (run.label, stored.outputs_of(run.label, run.candidate, run.precision))
            for run in here
            if (run.candidate, run.precision) == key
        ]
        others += [
            (other.cell.row.label, other.outputs)
            for other in states[:position]
            if (other.cell.candidate.name, other.cell.precision) == key
        ]
        judge = stored.model_of(state.cell.candidate).judge
        found += [
            disagreement(judge, key[0], state.cell.precision, (label, outputs), (state.cell.row.label, state.outputs))  # type: ignore[arg-type]
            for label, outputs in others
            if outputs is not None
        ]
    return found


def _with_reference_last(runs: Sequence[Run]) -> list[Run]:
    """Return measured runs before simulated and reference ones, otherwise in their order."""
    return sorted(runs, key=lambda run: run.runtime == "reference")


def _without_returned(result: Result) -> Result:
    """Return a result with nothing of any job in it."""
    runs = [run for run in result.runs if JOB_FACT not in run.facts]
    labels = {run.label for run in result.runs if JOB_FACT in run.facts}
    machines = {run.machine for run in runs}
    return result.model_copy(
        update={
            "runs": runs,
            "machines": [item for item in result.machines if item.id in machines],
            "disagreements": [item for item in result.disagreements if not {item.label_a, item.label_b} & labels],
            "findings": [text for text in result.findings if not text.startswith(CAME_BACK)],
        }
    )


def _is_of(run: Run, arrived: Arrived) -> bool:
    mine = (arrived.job_sha256, machine_of(arrived), arrived.returned.versions)
    return (run.facts.get(JOB_FACT), run.machine, run.versions) == mine


def _versions_in_words(arrived: Arrived) -> str:
    return ", ".join(f"{name} {version}" for name, version in arrived.returned.versions.items() if name != "numpy")


def _checked_name(name: str, arrived: Arrived, folder: Path) -> str:
    """Return what a machine is called. Raises StudyError where the name given cannot be shown or is another's."""
    name = " ".join(name.split())
    if not name.isprintable() or len(name) > LONGEST_NAME:
        why = (
            f"it is longer than {LONGEST_NAME} letters" if name.isprintable() else "it has letters that cannot be shown"
        )
        raise StudyError("The machine cannot be called that", why=why, how="Give another name.")
    mine = machine_of(arrived)
    others = {_noted_name(place).casefold() for place in _places(folder) if not place.name.startswith(f"{mine}-")}
    if name.casefold() in others:
        why = f"another machine of this study is called {name} already"
        raise StudyError("The machine cannot be called that", why=why, how="Give another name.")
    own = _name_of(arrived)
    return name or (f"{own} {mine[:4]}" if own.casefold() in others else own)


def _places(folder: Path) -> list[Path]:
    """Return where results lie in a study folder, in the order they were taken; one with a dot is not settled yet."""
    found = [path for path in (folder / PLACE).glob("*") if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda place: (_noted(place, "imported_utc"), _changed_ns(place), place.name))


def _name_of(arrived: Arrived) -> str:
    """Return a short name of a machine: its processor's, without what every processor's name has."""
    words = " ".join(_NOISE.sub(" ", arrived.returned.machine.get("cpu", "")).split())
    return words[:NAME_LETTERS].strip() or machine_of(arrived)[:6]


def _note(arrived: Arrived, name: str) -> None:
    imported = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {"schema_version": IMPORT_VERSION, "name": name, "imported_utc": imported}
    write_json_atomic(arrived.folder / IMPORTED_NAME, document)


def _noted_name(place: Path) -> str:
    return _noted(place, "name") or place.name


def _noted(place: Path, key: str) -> str:
    try:
        return str(json.loads((place / IMPORTED_NAME).read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _changed_ns(place: Path) -> int:
    """Return when the note of a place was written: two may have been taken in one second."""
    try:
        return (place / IMPORTED_NAME).stat().st_mtime_ns
    except OSError:
        return 0


def _versions_of(place: Path) -> dict[str, str] | None:
    """Return the versions of what lies in a place, None where that cannot be read."""
    try:
        return open_returned(place).returned.versions
    except UserError:
        return None


def _settled(arrived: Arrived, folder: Path) -> Path:
    """Move an unpacked result to its place, in the stead of an older one of the same job, machine and versions."""
    same = f"{machine_of(arrived)}-{arrived.job_sha256[:12]}"
    for older in [place for place in _places(folder) if place.name.startswith(same)]:
        if _versions_of(older) in (None, arrived.returned.versions):
            shutil.rmtree(older, ignore_errors=True)
    place = folder / PLACE / f"{same}-{sha256_of_bytes(canonical_json(arrived.returned.versions))[:6]}"
    try:
        shutil.rmtree(place, ignore_errors=True)
        arrived.folder.rename(place)
    except OSError as error:
        raise OutputError(f"{folder.name} cannot be written", why=error.strerror or str(error)) from error
    return place
