"""What is seen of a study folder that was killed, and what must hold once it has finished.

Everything but timing must equal an undisturbed run; no stage that was finished at a kill may have been done again, and
no cell whose answers were recorded may have been answered again.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEFORE = "before the first stage"

TIMING_OF_RUN = (
    "latency_ms", "throughput_per_s", "speedup", "load_s", "build_s", "first_inference_ms", "peak_rss_bytes",
)  # fmt: skip
TIMING_REASONS = ("p50", "p9", "first_5s", "throughput_per_s")
TIMING_FINDING = "while timed"


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed.

    Attributes:
        folder: its study folder; facts: of result.json without timing.
        files: path in the study folder -> SHA-256, of everything but timing.
        stages: names of the stage events in order; seconds: wall time.
    """

    folder: Path
    facts: dict[str, Any]
    files: dict[str, str]
    stages: list[str]
    seconds: float


@dataclass
class Kill:
    """One kill and what was seen.

    Attributes:
        kind: instant | stage | worker | write; stage: the last stage event before it, or the folder of the worker hit.
        inside_write: a temporary file of an atomic write was left, so the kill fell inside it.
        finished: stage folders that were finished then -> identity of their record (inode, time of change).
        answered: output files of cells whose answers were recorded then -> their identity.
        survivors: names of processes of the study alive ORPHAN_LIMIT_S after the kill; gone_s: when the last had gone.
        exit_code: of the program; text: its last line on stderr.
    """

    kind: str
    stage: str
    inside_write: bool = False
    finished: dict[str, tuple[int, int]] = field(default_factory=dict)
    answered: dict[str, tuple[int, int]] = field(default_factory=dict)
    survivors: list[str] = field(default_factory=list)
    gone_s: float = 0.0
    exit_code: int | None = None
    text: str = ""


def stages_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return "name state" of every stage event."""
    return [f"{event['name']} {event['state']}" for event in events if event.get("event") == "stage"]


def events_of(folder: Path) -> list[dict[str, Any]]:
    """Return the events logged so far; a torn last line is skipped."""
    path = folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [event for event in map(_event, lines) if event]


def _event(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def last_stage(folder: Path) -> str:
    """Return the last stage event as "name state"."""
    return next(reversed(stages_of(events_of(folder))), BEFORE)


def last_line(folder: Path) -> str:
    """Return the last line the program wrote to stderr."""
    lines = (folder.parent / f"{folder.name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else ""


def stable_facts(folder: Path) -> dict[str, Any]:
    """Return result.json without what timing decides and without the time of the run."""
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for key in ("created_utc", "profile"):
        result.pop(key)
    for machine in result["machines"]:
        machine["facts"].pop("clock", None)  # holds the smallest step seen, which is measured anew
    for run in result["runs"]:
        for key in TIMING_OF_RUN:
            run.pop(key)
        run["facts"].pop("answers_kept", None)  # tells of the interruption
        run["reasons"] = {key: text for key, text in run["reasons"].items() if not key.startswith(TIMING_REASONS)}
        run["findings"] = [text for text in run["findings"] if TIMING_FINDING not in text]
        for part in (*run["placement"], *run["float_leftovers"]):
            part.pop("time_share")
    return result


def stable_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of plans, graphs, artifacts and outputs: every file of a stage whose content must not vary."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        folders = name.split("/")
        kept = "work" not in folders and folders[0] in (
            "models",
            "data",
            "plans",
            "reference",
            "simulated",
            "artifacts",
            "cells",
        )
        if path.is_file() and kept and path.suffix in (".npy", ".json", ".npz", ".onnx"):
            if path.name in ("stage.json", "answers.json", "latencies.npz", "read_back.npz", "read_back.json"):
                continue
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def finished_stages(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the folders with a stage.json and which file it is; a stage done again has another one."""
    return {path.parent.relative_to(folder).as_posix(): _identity(path) for path in folder.rglob("stage.json")}


def answered_cells(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the output files of cells with recorded answers and which files they are; answering again makes others."""
    outputs = [path for record in folder.rglob("answers.json") for path in record.parent.glob("outputs/*.npy")]
    return {path.relative_to(folder).as_posix(): _identity(path) for path in outputs}


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_ino, state.st_mtime_ns


def temporary_files(folder: Path) -> list[str]:
    """Return the temporary files of atomic writes that lie in a study folder, deepest last."""
    found, folders = [], [str(folder)]
    for place in folders:
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue  # removed meanwhile
        for entry in entries:
            if entry.name.endswith(".tmp"):
                found.append(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
    return found


def defects_of_kill(folder: Path, kill: Kill) -> list[str]:
    """Return what was wrong right after a kill: processes left, or a program that mistook its worker's end."""
    where = f"{kill.kind} at {kill.stage}"
    found = [f"{where}: {name} survived" for name in kill.survivors]
    if kill.kind != "worker":
        return found + ([f"{where}: ended with {kill.exit_code}"] if kill.exit_code != -signal.SIGKILL else [])
    if kill.exit_code == 4:
        found += [f"{where}: {text}" for text in _unexplained(folder)]
    elif kill.exit_code == 1 and "SIGKILL" not in kill.text:
        found.append(f"{where}: the killed worker is not named: {kill.text}")
    elif kill.exit_code not in (0, 1):
        found.append(f"{where}: ended with {kill.exit_code}: {kill.text}")
    return found


def _unexplained(folder: Path) -> Iterator[str]:
    """Yield runs without an answer whose problem does not name the signal, and a result without any such run."""
    runs = json.loads((folder / "result.json").read_text(encoding="utf-8"))["runs"]
    broken = [run for run in runs if run["status"] != "ok"]
    for run in broken:
        problem = run["problem"] or {}
        is_crash = run["status"] == "crashed" and problem.get("signal") == "SIGKILL"
        is_probe = run["status"] == "not_available" and "SIGKILL" in problem.get("message", "")
        if not (is_crash or is_probe):
            yield f"{run['label']} {run['precision']} is {run['status']}: {problem.get('message')}"
    if not broken:
        yield "exit code 4 although every run is ok"


def defects_of_result(folder: Path, plain: Undisturbed) -> Iterator[str]:
    """Yield every difference from an undisturbed run: facts in result.json, and the content of files."""
    yield from _differences("result", plain.facts, stable_facts(folder))
    files = stable_files(folder)
    for name in sorted(plain.files.keys() | files.keys()):
        if plain.files.get(name) != files.get(name):
            yield f"{name} is {'missing' if name not in files else 'new' if name not in plain.files else 'different'}"


def leftovers(folder: Path) -> Iterator[str]:
    """Yield the temporary files that lie in a finished study folder: none may outlive the next run."""
    for name in temporary_files(folder):
        yield f"{Path(name).relative_to(folder).as_posix()} was left"


def _differences(where: str, expected: Any, found: Any) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            yield from _differences(f"{where}.{key}", expected.get(key), found.get(key))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(f"{where}[{number}]", one, other)
    elif expected != found:
        yield f"{where}: {expected!r:.60} became {found!r:.60}"


def defects_of_history(folder: Path, kills: Sequence[Kill]) -> Iterator[str]:
    """Yield stages that were finished and done again: by the log of events, and by the identity of their record."""
    done: set[str] = set()
    for event in events_of(folder):
        if event.get("state") == "start" and event["name"] in done:
            yield f"{event['name']} was finished and started again"
            done.remove(event["name"])
        if event.get("state") in ("done", "kept"):
            done.add(event["name"])
    now = finished_stages(folder)
    for kill in kills:
        for name, identity in kill.finished.items():
            if now.get(name) != identity:
                yield f"{name} was finished at the kill ({kill.kind} at {kill.stage}) and written again"
    answered = answered_cells(folder)
    for kill in kills:
        for name, identity in kill.answered.items():
            if answered.get(name) != identity:
                yield f"{name} was answered at the kill ({kill.kind} at {kill.stage}) and written again"
