"""Does every model become a Core ML package with the plan's own numbers, how long does it take, and what is it worth?

    python tests/benchmarks/bench_coreml.py [--only NAME ...] [--schemes S1 S2 S3] [--targets iOS17 iOS18]

Six models of the data folder beside the project (random samples, their own shapes) and the light topologies of the
`onnx` package (seeded weights), under S1, S2 and S3, for iOS17 and iOS18. Parity is read from the saved package.
Codes are compared layer by layer: every layer of the loaded-back program reads the simulation's own codes. SQNR is
of the outputs, end to end, reference evaluator against simulation: no Core ML result. Each line is a process of its
own; its peak memory counts planning, lowering and evaluating. Prints one Markdown table, then the conditions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import onnx
from helpers.benchmarks import DATA, print_conditions, say
from helpers.coreml_passage import passage, subject_of
from helpers.light_models import LIGHT_MODELS, images, input_name, light_model

MODELS = tuple(sorted(path.stem for path in (DATA / "models").glob("*.onnx")))
HEADERS = (
    "model", "scheme", "target", "parity: checked, mismatches", "codes layer by layer: equal, largest step",
    "SQNR dB to simulation", "seconds: lower, evaluate", "peak MiB",
)  # fmt: skip


def row_of(name: str, scheme: str, target: str) -> list[str]:
    """Return one line of the table; called in a process of its own."""
    if name in LIGHT_MODELS:
        model = light_model(name)
        subject = subject_of(model, scheme, {input_name(model): images(4, seed=2)})
    else:
        subject = subject_of(onnx.load(DATA / "models" / f"{name}.onnx"), scheme)
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
        made = passage(subject, target, Path(folder))
    wrong = "; ".join((str(len(made.mismatches)), *made.mismatches[:3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        name,
        scheme,
        target,
        f"{made.checked}, {wrong}",
        f"{made.equal_share:.4%} of {made.codes:,}, {made.largest_step}" if made.codes else "no codes",
        f"{made.sqnr_db:.1f}",
        f"{made.lower_s:.1f}, {made.evaluate_s:.2f}",
        f"{peak:.0f}",
    ]


def alone(name: str, scheme: str, target: str) -> list[str]:
    """Return a line made in a fresh process, or what went wrong."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        try:
            return pool.apply(row_of, (name, scheme, target))
        except Exception as error:  # noqa: BLE001  (one line of the table tells it)
            return [name, scheme, target, f"{type(error).__name__}: {error}", "", "", "", ""]


def markdown(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [*MODELS, *LIGHT_MODELS]
    parser.add_argument("--only", nargs="+", choices=every, default=every, metavar="NAME")
    parser.add_argument("--schemes", nargs="+", choices=("S1", "S2", "S3"), default=("S1", "S2", "S3"))
    parser.add_argument("--targets", nargs="+", choices=("iOS17", "iOS18"), default=("iOS17", "iOS18"))
    options = parser.parse_args()
    say(markdown(HEADERS))
    say(markdown(["---"] * len(HEADERS)))
    for name in options.only:
        for scheme in options.schemes:
            for target in options.targets:
                say(markdown(alone(name, scheme, target)))
    print_conditions(samples="8 random, light topologies 4 pictures", threads=1, batch=1)


if __name__ == "__main__":
    main()
