"""Fifty kills over every stage of a study, each folder resumed and checked; prints a table by stage and kind.

    python tests/benchmarks/kill_fifty.py [--kills 50] [--seed 0] [--folder DIR]

Two studies take turns: three runtimes without the speed part, and two runtimes with it. Every folder is killed several
times, then left to finish, then compared with an undisturbed run. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import kill as killing
from helpers import kill_checks as checks

KINDS = ("instant", "stage", "worker", "write")
CLASSES = (
    checks.BEFORE, "Scan", "Model", "FP32 reference", "Plan", "Simulated", "Probe", "Build", "Run", "Warm up", "Speed",
    "Evaluate, result, sheet",
)  # fmt: skip
PLACES = {
    "data": "Scan", "models": "Model", "reference": "FP32 reference", "plans": "Plan", "simulated": "Simulated",
    "probe": "Probe", "artifacts": "Build", "cells": "Run",
}  # fmt: skip
# Kills of one folder in the order of a run, so that each place is still ahead when its turn comes.
QUIET = (
    ("write", "instant", "worker:reference", "stage:Simulated", "worker:artifacts", "instant"),
    ("stage:Model", "worker:plans", "write", "worker:probe", "stage:Run", "write", "instant"),
    ("worker:data", "stage:FP32 reference", "worker:simulated", "stage:Build", "worker:cells", "write"),
    ("instant", "instant", "write", "instant", "stage:Evaluate", "instant"),
    ("instant", "instant", "instant", "write", "instant", "instant"),
)
TIMED = (
    ("write", "stage:Warm up", "stage:Speed, round 4", "worker", "instant"),
    ("instant", "instant", "worker", "stage:Speed, round 1", "write"),
)


def main() -> int:
    """Run the whole benchmark; returns the exit code."""
    options = _options()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill-fifty-") as scratch:
        trials = list(_trials(options.folder or Path(scratch), options.kills, options.seed))
    _say(_table(trials))
    _say(_summary(trials, time.monotonic() - begin))
    return 1 if any(done.defects for done in trials) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="an empty folder for the studies, kept; default: a temporary one")
    return parser.parse_args()


def _trials(root: Path, kills: int, seed: int) -> Iterator[killing.Trial]:
    """Yield trials until there are `kills` kills; every third one has a speed part."""
    quiet = killing.Case(killing.write_study(root / "quiet", ("ort_cpu", "openvino", "echo")), "none")
    timed = killing.Case(killing.write_study(root / "timed", ("ort_cpu", "openvino")), "quick")
    plain = {case.profile: killing.undisturbed(case, root / f"plain-{case.profile}") for case in (quiet, timed)}
    rng = random.Random(seed)
    left = kills
    number = 0
    while left > 0:
        case, decks = (timed, TIMED) if number % 3 == 2 else (quiet, QUIET)
        aims = decks[_turn(number) % len(decks)][:left]
        done = killing.trial(case, root / f"trial-{number}", plain[case.profile], aims, rng.randrange(2**32))
        left -= len(done.kills)
        number += 1
        _tell(number, done)
        yield done


def _turn(number: int) -> int:
    """Return how many trials of the same study came before."""
    return number // 3 if number % 3 == 2 else number - number // 3


def _tell(number: int, done: killing.Trial) -> None:
    kills = "; ".join(f"{kill.kind} at {kill.stage} ({kill.exit_code})" for kill in done.kills)
    _say(f"{number:3d}  {kills}  ->  {'as undisturbed' if not done.defects else done.defects}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _class_of(kill: checks.Kill) -> str:
    """Return the row of the table a kill belongs to."""
    if kill.kind == "worker":
        return PLACES[kill.stage.partition("/")[0]]
    if kill.stage.startswith("Evaluate"):
        return CLASSES[-1]
    return next(name for name in CLASSES if kill.stage.startswith(name))


def _table(trials: list[killing.Trial]) -> str:
    counts = Counter((_class_of(kill), kill.kind) for done in trials for kill in done.kills)
    lines = [f"{'stage':26}" + "".join(f"{kind:>9}" for kind in KINDS) + f"{'all':>9}"]
    for name in CLASSES:
        row = [counts[name, kind] for kind in KINDS]
        lines.append(f"{name:26}" + "".join(f"{count or '':>9}" for count in row) + f"{sum(row):>9}")
    total = [sum(counts[name, kind] for name in CLASSES) for kind in KINDS]
    lines.append(f"{'all':26}" + "".join(f"{count:>9}" for count in total) + f"{sum(total):>9}")
    return "\n".join(lines)


def _summary(trials: list[killing.Trial], seconds: float) -> str:
    kills = [kill for done in trials for kill in done.kills]
    defects = [defect for done in trials for defect in done.defects]
    exits = Counter(kill.exit_code for kill in kills if kill.kind == "worker")
    kept = sum(len(kill.finished) for kill in kills)
    answered = sum(name.partition("/outputs/")[0] not in kill.finished for kill in kills for name in kill.answered)
    lines = [
        f"{len(kills)} kills in {len(trials)} study folders, each resumed to its end, in {seconds:.0f} s",
        f"inside an atomic write (its temporary file was left): {sum(kill.inside_write for kill in kills)}",
        f"exit codes of programs whose worker was killed: {dict(sorted(exits.items(), key=str))}",
        f"processes alive {killing.ORPHAN_LIMIT_S:g} s after a kill: {sum(len(kill.survivors) for kill in kills)};"
        f" the slowest had gone after {max((kill.gone_s for kill in kills), default=0):.2f} s",
        f"cells answered but not finished at a kill, summed: {answered}",
        f"stages finished at a kill, summed: {kept}; done again or changed, and any other difference: {len(defects)}",
        *defects,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
