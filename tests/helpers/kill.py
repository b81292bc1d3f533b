"""Killing a study at chosen instants and resuming it: the program under test, four ways to kill, and whole trials.

A trial is a study folder that is killed several times and then left to finish; what must hold then is in kill_checks.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import psutil
from helpers.kill_checks import (
    Kill,
    Undisturbed,
    answered_cells,
    defects_of_history,
    defects_of_kill,
    defects_of_result,
    events_of,
    finished_stages,
    last_line,
    last_stage,
    leftovers,
    stable_facts,
    stable_files,
    stages_of,
    temporary_files,
)
from helpers.onnx_models import depthwise_net

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "tests" / "plugins"
DEMO = ROOT / "resources" / "demo"
TAG_VARIABLE = "INT8_WORKBENCH_KILL_TRIAL"
MARK_VARIABLE = "INT8_WORKBENCH_JOB"
PROGRAM = (sys.executable, "-m", "workbench")
ORPHAN_LIMIT_S = 2.0
FINISH_LIMIT_S = 240.0

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
        """SIGKILL the program; its workers must notice by themselves. False when it had just finished."""
        self.program.send_signal(signal.SIGKILL)
        return wait_end(self.program) != 0


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
    kill.finished, kill.answered = finished_stages(folder), answered_cells(folder)
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
    done.defects += [*defects_of_result(done.folder, plain), *leftovers(done.folder)]
    done.defects += list(defects_of_history(done.folder, done.kills))
