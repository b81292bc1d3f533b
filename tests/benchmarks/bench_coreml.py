"""Does every model become a Core ML package with the plan's own numbers, how long does it take, and what is it worth?

    python tests/benchmarks/bench_coreml.py [--only NAME ...] [--schemes S1 S2 S3 S1-P2] [--targets iOS17 iOS18]
                                            [--into FILE]

Six models of the data folder beside the project (8 random samples, their own shapes) and the light topologies of the
`onnx` package (seeded weights, 4 pictures); one sample is evaluated. Parity is read from the saved package. Codes are
compared layer by layer: every layer of the loaded-back program reads the simulation's own codes. "Certified" are the
codes of tensors that the plan certifies as exact, compared end to end; only S1-P2, S1 with power-of-two scales, has
such behind the input. SQNR is of the outputs, end to end, reference evaluator against simulation: no Core ML result.
A model and a scheme make one process; its peak memory counts planning, lowering and evaluating for all targets.

Prints one Markdown table, then the conditions. With --into lines are added to a file as well, and those that are there
already are not made again: the table can be made in pieces.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import DATA, print_conditions, say
from helpers.coreml_passage import Passage, Subject, passage, subject_of
from helpers.light_models import LIGHT_MODELS, images, input_name, light_model

from workbench.model.load import load_model

MODELS = tuple(sorted(path.stem for path in (DATA / "models").glob("*.onnx")))
SCHEME_NAMES = ("S1", "S2", "S3", "S1-P2")
HEADERS = (
    "model", "scheme", "target", "parity: checked, mismatches", "codes layer by layer: equal, largest step",
    "certified: codes, unequal", "SQNR dB to simulation", "seconds: lower, evaluate", "peak MiB",
)  # fmt: skip


def rows_of(name: str, scheme: str, targets: list[str]) -> list[list[str]]:
    """Return the lines of one plan; called in a process of its own."""
    subject = subject_named(name, scheme)
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
        made = {target: passage(subject, target, Path(folder) / target) for target in targets}
    peak = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}"
    return [[name, scheme, target, *figures(item), peak] for target, item in made.items()]


def subject_named(name: str, scheme: str) -> Subject:
    if name not in LIGHT_MODELS:
        return subject_of(load_model(DATA / "models" / f"{name}.onnx").proto, scheme)
    model = light_model(name)
    return subject_of(model, scheme, {input_name(model): images(4, seed=2)})


def figures(made: Passage) -> list[str]:
    return [
        f"{made.checked}, {'; '.join((str(len(made.mismatches)), *made.mismatches[:3]))}",
        f"{made.equal_share:.4%} of {made.codes:,}, {made.largest_step}" if made.codes else "no codes",
        f"{made.certified:,}, {made.unequal}",
        f"{made.sqnr_db:.1f}",
        f"{made.lower_s:.1f}, {made.evaluate_s:.2f}",
    ]


def alone(name: str, scheme: str, targets: list[str]) -> list[list[str]]:
    """Return lines made in a fresh process, or what went wrong."""
    if not targets:
        return []
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        try:
            return pool.apply(rows_of, (name, scheme, targets))
        except Exception as error:  # noqa: BLE001  (one line of the table tells it)
            line = " ".join(f"{type(error).__name__}: {error}".split())
            return [[name, scheme, ", ".join(targets), line, *[""] * 5]]


def markdown(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def start(name: str, scheme: str, target: str) -> str:
    """Return how the line of one package begins."""
    return f"| {name} | {scheme} | {target} |"


def tell(lines: list[str], into: Path | None) -> None:
    """Print lines and add them to the file."""
    for line in lines:
        say(line)
    if into:
        with into.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [*MODELS, *LIGHT_MODELS]
    parser.add_argument("--only", nargs="+", choices=every, default=every, metavar="NAME")
    parser.add_argument("--schemes", nargs="+", choices=SCHEME_NAMES, default=SCHEME_NAMES)
    parser.add_argument("--targets", nargs="+", choices=("iOS17", "iOS18"), default=("iOS17", "iOS18"))
    parser.add_argument("--into", type=Path, metavar="FILE")
    options = parser.parse_args()
    known = options.into.read_text(encoding="utf-8").splitlines() if options.into and options.into.exists() else []
    head = [markdown(HEADERS), markdown(["---"] * len(HEADERS))]
    tell(head, None if known else options.into)
    for name, scheme in itertools.product(options.only, options.schemes):
        targets = [
            item for item in options.targets if not any(line.startswith(start(name, scheme, item)) for line in known)
        ]
        tell([markdown(row) for row in alone(name, scheme, targets)], options.into)
    print_conditions(samples="8 random, light topologies 4 pictures", threads=1, batch=1)


if __name__ == "__main__":
    main()
