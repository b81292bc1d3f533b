"""What the program costs: throughput and accuracy pass of a study beside bare ONNX Runtime, in one run.

    python tests/benchmarks/bench_study.py [--quick] [--rounds N] [--seconds S]

Throughput: the study's own cell worker, timed by its own blocks, takes turns with a plain loop over an
InferenceSession with identical options in another process; aim: at least 99 %. Accuracy pass: its wall time against
the time in session.run alone, and against what the plain loop needs for as many runs; aim: at most 1.15 times.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import (
    LABEL,
    StudyFolder,
    bare_rate,
    bare_session,
    print_conditions,
    print_table,
    ratio_text,
    say,
    study_folder,
)
from helpers.real_models import KWS, MOBILENET, RESNET8, SQUEEZENET, RealModel

from workbench.execution.bundle import open_bundle
from workbench.execution.discovery import find_plugin
from workbench.execution.host import Worker
from workbench.execution.jobs import Job
from workbench.measure.latency import Block, SpeedSummary, WarmUp, ratio_interval, summarise

MODELS: tuple[tuple[RealModel, int], ...] = ((RESNET8, 600), (KWS, 400), (MOBILENET, 200), (SQUEEZENET, 200))
WAIT_S = 300.0
FEEDS = 16


@dataclass
class Race:
    """One cell and one bare loop taking turns."""

    blocks: list[Block] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    warm: WarmUp | None = None

    def summary(self) -> SpeedSummary:
        """The study's own figures of its blocks."""
        assert self.warm is not None
        seconds = sum(block.wall_ns for block in self.blocks) / 1e9
        return summarise(self.blocks, self.warm, 1, seconds)


def race(studied: StudyFolder, precision: str, rounds: int, seconds: float, scratch: Path) -> Race:
    """Time the cell worker and the bare loop in turn; who goes first alternates."""
    found = Race()
    arguments = {**studied.cell_arguments(precision), "outputs_dir": str(scratch / "outputs")}
    job = Job("cell", find_plugin(LABEL).ref, arguments, scratch / "work", 3600.0)
    feeds = list(islice(open_bundle(studied.bundle("evaluation")).batches(1), FEEDS))
    session = bare_session(studied.artifact(precision))
    with Worker() as worker:
        worker.start(job)
        worker.wait_event("accuracy_done", WAIT_S)
        worker.send({"command": "warm_up"})
        warm = worker.wait_event("warm_up_done", WAIT_S)
        found.warm = WarmUp(warm["seconds"], warm["runs"], np.load(warm["path"]), warm["steady"])
        bare_rate(session, feeds, min(2.0, seconds * 2))
        for number in range(rounds):
            turns = [lambda: found.bare.append(bare_rate(session, feeds, seconds))]
            turns.insert(number % 2, lambda: found.blocks.append(block(worker, seconds)))
            for turn in turns:
                turn()
        worker.finish().require()
    return found


def block(worker: Worker, seconds: float) -> Block:
    """One timed block of the study's own."""
    worker.send({"command": "block", "seconds": seconds})
    event = worker.wait_event("block_done", WAIT_S)
    return Block(event["start_ns"], np.load(event["path"]), event["wall_ns"])


def throughput_row(studied: StudyFolder, precision: str, found: Race) -> list[str]:
    summary, bare = found.summary(), tuple((rate,) for rate in found.bare)
    ratio = ratio_interval(summary.rounds, bare, paired_by_round=True)
    return [
        f"{studied.real.name} {precision}",
        f"{float(np.median(found.bare)):.1f}",
        f"{summary.sustained:.1f}",
        ratio_text(ratio),
        f"{summary.overhead:.2%}",
        "yes" if ratio[0] >= 0.99 else "no",
    ]


def accuracy_rows(studied: StudyFolder, races: dict[str, Race]) -> list[list[str]]:
    """One row per pass: the reference, and the cells of the study."""
    passes = {
        "reference": (studied.record("reference", "*"), "fp32"),
        "fp32 cell": (studied.record("cells", LABEL, "S1", "fp32"), "fp32"),
        "int8 cell": (studied.record("cells", LABEL, "S1", "int8"), "int8"),
    }
    return [
        _accuracy_row(f"{studied.real.name} {name}", record, float(np.median(races[precision].bare)))
        for name, (record, precision) in passes.items()
    ]


def _accuracy_row(name: str, record: dict[str, Any], rate: float) -> list[str]:
    wall_s, run_s, bare_s = record["wall_s"], record["run_s"], record["n"] / rate
    return [
        name,
        str(record["n"]),
        f"{wall_s:.3f}",
        f"{run_s:.3f}",
        f"{wall_s / run_s:.3f}",
        f"{bare_s:.3f}",
        f"{wall_s / bare_s:.3f}",
        "yes" if wall_s / run_s <= 1.15 else "no",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds and few samples: only to see it work")
    parser.add_argument("--rounds", type=int, default=8, help="blocks of each side per model and precision")
    parser.add_argument("--seconds", type=float, default=0.7, help="of one block")
    options = parser.parse_args()
    rounds, seconds = (2, 0.2) if options.quick else (options.rounds, options.seconds)
    throughput: list[list[str]] = []
    accuracy: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        for real, n in MODELS:
            say(f"{real.name} ...")
            studied = study_folder(real, Path(name) / real.name, 16 if options.quick else n)
            races = {
                precision: race(studied, precision, rounds, seconds, Path(name) / f"{real.name} {precision}")
                for precision in ("fp32", "int8")
            }
            throughput += [throughput_row(studied, precision, found) for precision, found in races.items()]
            accuracy += accuracy_rows(studied, races)
    headers = ["model", "bare loop /s", "study /s", "study : bare", "loop's own share", ">= 0.99"]
    print_table("Throughput, one sample per run, one thread", headers, throughput)
    headers = ["pass", "n", "wall s", "inside run s", "wall : inside", "bare loop s", "wall : bare loop", "<= 1.15"]
    print_table("Accuracy pass, decoding and storing included", headers, accuracy)
    print_conditions(
        rounds=rounds, seconds_per_block=seconds, threads=1, batch=1, turns="interleaved, order alternates"
    )


if __name__ == "__main__":
    main()
