"""Killing a study at chosen instants and resuming it: the program under test, four ways to kill, and what must hold.

A trial is a study folder that is killed several times and then left to finish. Afterwards everything but timing must
equal an undisturbed run, and no stage that was finished at a kill may have been done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import psutil
from helpers.onnx_models import depthwise_net

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "tests" / "plugins"
DEMO = ROOT / "resources" / "demo"
TAG_VARIABLE = "INT8_WORKBENCH_KILL_TRIAL"
MARK_VARIABLE = "INT8_WORKBENCH_JOB"
PROGRAM = (sys.executable, "-m", "workbench")
ORPHAN_LIMIT_S = 2.0
FINISH_LIMIT_S = 240.0
BEFORE = "before the first stage"

TIMING_OF_RUN = (
    "latency_ms", "throughput_per_s", "speedup", "load_s", "build_s", "first_inference_ms", "peak_rss_bytes",
)  # fmt: skip
TIMING_REASONS = ("p50", "p9", "first_5s", "throughput_per_s")
TIMING_FINDING = "while timed"

STUDY = """
schema_version = 1
[model]
path = "model.onnx"
[data.calibration]
kind = "images"
path = "{demo}/calibration"
limit = 40
[data.evaluation]
kind = "images"
path = "{demo}/evaluation"
limit = 60
[preprocess]
resize = [16, 16]
color = "RGB"
layout = "NCHW"
mean = [127.5, 127.5, 127.5]
std = [20.0, 20.0, 20.0]
[task]
kind = "classification"
[measure]
budget_s = 0.5
"""


@dataclass(frozen=True)
class Case:
    """One study and how it is run.

    Attributes:
        study: the file; profile: of the speed part; program: the command's first words.
        tag: carried by the program and all its workers in their environment.
    """

    study: Path
    profile: str
    program: tuple[str, ...] = PROGRAM
    tag: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the program: the test plugins are found, temporary files lie beside the study."""
        temporary = self.study.parent / "temporary"
        temporary.mkdir(exist_ok=True)
        return {
            **os.environ,
            "INT8_WORKBENCH_PLUGINS": str(PLUGINS),
            TAG_VARIABLE: self.tag,
            "TMPDIR": str(temporary),
        }


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
        survivors: names of processes of the study alive ORPHAN_LIMIT_S after the kill; gone_s: when the last had gone.
        exit_code: of the program; text: its last line on stderr.
    """

    kind: str
    stage: str
    inside_write: bool = False
    finished: dict[str, tuple[int, int]] = field(default_factory=dict)
    survivors: list[str] = field(default_factory=list)
    gone_s: float = 0.0
    exit_code: int | None = None
    text: str = ""


@dataclass
class Trial:
    """A study folder over all its kills."""

    folder: Path
    kills: list[Kill] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def write_study(folder: Path, runtimes: Sequence[str]) -> Path:
    """Write a small model and a study of it on the demo's images; returns the study file.

    The model is untrained, with margins so small that INT8 changes some answers.
    """
    folder.mkdir(parents=True)
    onnx.save(depthwise_net(seed=1), folder / "model.onnx")
    rows = "".join(f'[[runtimes]]\nid = "{name}"\nname = "{name}"\n' for name in runtimes)
    (folder / "study.toml").write_text(STUDY.format(demo=DEMO.as_posix()) + rows, encoding="utf-8")
    return folder / "study.toml"


def start(case: Case, folder: Path) -> subprocess.Popen[bytes]:
    """Start the program on a study folder in a session of its own; its output goes to files beside the folder."""
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(
            [*case.program, "run", str(case.study), "-o", str(folder), "--profile", case.profile],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=case.study.parent,
            env=case.environment,
            start_new_session=True,
        )


def wait_end(program: subprocess.Popen[bytes]) -> int:
    """Wait for the program's end and return its exit code; one that hangs is killed and TimeoutExpired is raised."""
    try:
        return program.wait(FINISH_LIMIT_S)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        raise


def undisturbed(case: Case, folder: Path) -> Undisturbed:
    """Run the study once without a kill. Raises AssertionError when it does not finish."""
    begin = time.monotonic()
    exit_code = wait_end(start(case, folder))
    assert exit_code == 0, last_line(folder)
    seconds = time.monotonic() - begin
    return Undisturbed(folder, stable_facts(folder), stable_files(folder), stages_of(events_of(folder)), seconds)


def stages_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return "name state" of every stage event."""
    return [f"{event['name']} {event['state']}" for event in events if event.get("event") == "stage"]


# What is seen of a folder ---------------------------------------------------------------------------------------------


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
        part, within = name.partition("/")[0], f"/{name}/"
        kept = part in ("models", "data", "plans", "reference", "simulated", "artifacts", "cells")
        if path.is_file() and kept and "/work/" not in within and path.suffix in (".npy", ".json", ".npz", ".onnx"):
            if path.name in ("stage.json", "latencies.npz", "read_back.npz", "read_back.json"):
                continue
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def finished_stages(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the folders with a stage.json and which file it is; a stage done again has another one."""
    found = {}
    for path in folder.rglob("stage.json"):
        state = path.stat()
        found[path.parent.relative_to(folder).as_posix()] = (state.st_ino, state.st_mtime_ns)
    return found


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


def tagged(tag: str) -> list[psutil.Process]:
    """Return living processes that carry a case's tag: the program, its workers and whatever they started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TAG_VARIABLE) == tag and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return found


def workers_of(program: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the program's living worker processes."""
    try:
        return [child for child in psutil.Process(program.pid).children() if _is_worker(child)]
    except psutil.Error:
        return []  # the program has ended


def _is_worker(process: psutil.Process) -> bool:
    try:
        return MARK_VARIABLE in process.environ()
    except psutil.Error:
        return False  # it has ended and was not waited for yet


# Killing --------------------------------------------------------------------------------------------------------------


@dataclass
class Target:
    """A running program that is to be killed.

    Attributes:
        plain: how an undisturbed run goes; rng: decides the instant; wanted: the place to hit, "" for any.
        hit: folder of the worker that was killed.
    """

    program: subprocess.Popen[bytes]
    folder: Path
    plain: Undisturbed
    rng: random.Random
    wanted: str = ""
    hit: str = ""

    @property
    def runs(self) -> bool:
        """Whether the program still runs."""
        return self.program.poll() is None

    def sleep(self, seconds: float) -> bool:
        """Wait; whether the program still runs."""
        try:
            self.program.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> bool:
        """SIGKILL the program; its workers must notice by themselves."""
        self.program.send_signal(signal.SIGKILL)
        return True


def at_instant(target: Target) -> bool:
    """Kill the program at a random instant of the time it still needs, judged by the stages that are open."""
    share_open = len(_open_stages(target)) / len(target.plain.stages)
    return target.sleep(target.rng.uniform(0, target.plain.seconds * (0.3 + 0.7 * share_open))) and target.kill()


def at_stage(target: Target) -> bool:
    """Kill the program up to 0.15 s after a stage was logged: the wanted one, or any that can still come."""
    before = stages_of(events_of(target.folder))
    wanted = target.wanted or target.rng.choice(_open_stages(target))
    while target.runs:
        if any(name.startswith(wanted) for name in stages_of(events_of(target.folder))[len(before) :]):
            return target.sleep(target.rng.choice((0.0, 0.02, 0.15)) * target.rng.random()) and target.kill()
        time.sleep(0.002)
    return False


def _open_stages(target: Target) -> list[str]:
    """Return the stage events of an undisturbed run whose stages are not finished yet."""
    logged = stages_of(events_of(target.folder))
    kept = {name.rpartition(" ")[0] for name in logged if name.endswith((" done", " kept"))}
    return [name for name in target.plain.stages if name.rpartition(" ")[0] not in kept]


def at_worker(target: Target) -> bool:
    """Kill a worker; the program goes on.

    The worker in a wanted folder is killed on sight, one in a wanted part of the study ("cells") up to 0.2 s later, and
    where nothing is wanted a random one at a random instant.
    """
    if not target.wanted and not target.sleep(target.rng.uniform(0, target.plain.seconds * 0.8)):
        return False
    while target.runs:
        workers = {_place(worker, target.folder): worker for worker in workers_of(target.program)}
        places = [place for place in workers if place and place.startswith(target.wanted)]
        if places:
            target.hit = target.rng.choice(places)
            time.sleep(0 if "/" in target.wanted else target.rng.uniform(0, 0.2))
            if _killed(workers[target.hit]):
                wait_end(target.program)
                return True
        time.sleep(0.002)
    return False


def _killed(worker: psutil.Process) -> bool:
    """Kill a worker unless it has ended."""
    try:
        is_alive = worker.status() != psutil.STATUS_ZOMBIE
        worker.kill()
    except psutil.Error:
        return False
    return bool(is_alive)


def _place(worker: psutil.Process, folder: Path) -> str:
    """Return a worker's folder in the study; "probe" for one outside it, "" for one that has ended."""
    try:
        place = Path(worker.cwd())
    except psutil.Error:
        return ""
    return place.relative_to(folder).as_posix() if place.is_relative_to(folder) else "probe"


def at_write(target: Target) -> bool:
    """Kill the program on sight of the temporary file of an atomic write, the first or a later one."""
    old = set(temporary_files(target.folder))
    skip = target.rng.randrange(12)
    while target.runs:
        new = [name for name in temporary_files(target.folder) if name not in old]
        if new and skip < len(new):
            return target.kill()
        skip -= len(new)
        old.update(new)
    return False


AIMS: Mapping[str, Callable[[Target], bool]] = {
    "instant": at_instant,
    "stage": at_stage,
    "worker": at_worker,
    "write": at_write,
}


def killed_once(case: Case, folder: Path, plain: Undisturbed, aim: str, rng: random.Random) -> Kill | None:
    """Start the program, kill it or one of its workers, and look; None when it ended before it could be killed.

    Args:
        aim: a kind of kill, with the place to hit after a colon ("stage:Plan", "worker:cells/echo").
    """
    kind, _, wanted = aim.partition(":")
    old = set(temporary_files(folder))
    target = Target(start(case, folder), folder, plain, rng, wanted)
    was_hit = AIMS[kind](target)
    begin = time.monotonic()
    wait_end(target.program)
    if not was_hit:
        return None
    kill = Kill(kind, target.hit or last_stage(folder), exit_code=target.program.returncode, text=last_line(folder))
    kill.survivors, kill.gone_s = survivors(case.tag, begin)
    kill.inside_write = any(name not in old for name in temporary_files(folder))
    kill.finished = finished_stages(folder)
    return kill


def survivors(tag: str, begin: float) -> tuple[list[str], float]:
    """Wait until no process of the case is left, at most ORPHAN_LIMIT_S; returns names of those left, and the time."""
    while (left := tagged(tag)) and time.monotonic() - begin < ORPHAN_LIMIT_S:
        time.sleep(0.02)
    seconds = time.monotonic() - begin
    names = [_name(process) for process in left]
    for process in left:
        process.kill()
    return names, seconds


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:80]
    except psutil.Error:
        return "gone"


# A whole trial --------------------------------------------------------------------------------------------------------


def trial(case: Case, folder: Path, plain: Undisturbed, aims: Sequence[str], seed: int) -> Trial:
    """Kill a study in the given ways, one after another, then let it finish, and check it."""
    rng = random.Random(seed)
    done = Trial(folder)
    for aim in aims:
        kill = killed_once(case, folder, plain, aim, rng)
        if kill is None:
            break  # it finished first: resuming it again would test nothing
        done.kills.append(kill)
        done.defects += defects_of_kill(folder, kill)
    finish(case, done, plain)
    return done


def finish(case: Case, done: Trial, plain: Undisturbed) -> None:
    """Let the study finish and add everything that is not as it must be."""
    exit_code = wait_end(start(case, done.folder))
    if exit_code:
        done.defects.append(f"the resumed run ended with {exit_code}: {last_line(done.folder)}")
        return
    done.defects += list(defects_of_result(done.folder, plain))
    done.defects += list(defects_of_history(done.folder, done.kills))


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
        if event.get("state") in ("done", "kept"):
            done.add(event["name"])
    now = finished_stages(folder)
    for kill in kills:
        for name, identity in kill.finished.items():
            if now.get(name) != identity:
                yield f"{name} was finished at the kill ({kill.kind} at {kill.stage}) and written again"
