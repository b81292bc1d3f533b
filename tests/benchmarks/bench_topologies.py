"""Do well-known topologies go through plan, lowering and parity, and run in INT8 on both CPU runtimes?

    python tests/benchmarks/bench_topologies.py [--only NAME ...]

The graphs are the light models of the `onnx` package's own test data; their weights are seeded here (see
`helpers.light_models`), so that the answers mean nothing, but nodes, kernels, parameters and rounding are those of the
real networks. Weights per channel, scheme S1 with its defaults, calibrated on four pictures; SQNR on the logits of four
others, against float32 and against the plan's simulation. Random networks of many layers amplify rounding more than
trained ones do: read the SQNR against float32 beside that of the simulation, not against that of trained networks.
Prints one Markdown table, then the conditions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import print_conditions, say
from helpers.light_models import LIGHT_MODELS
from helpers.topologies import N_CALIBRATION, N_EVALUATION, RUNTIMES, Example, Passage, example, facts_of, passage

HEADERS = (
    "topology", "runtime", "nodes INT8: planned, ran, all", "MACs INT8", "parity: checked, mismatches",
    "SQNR dB to FP32: simulated, run", "SQNR dB to simulation", "seconds: plan, rest",
)  # fmt: skip


def row_of(name: str, runtime: str, found: Example, made: Passage) -> list[str]:
    """Return one line of the table."""
    facts = facts_of(found)
    return [
        name,
        runtime,
        f"{facts['planned']}, {made.int8_nodes}, {facts['nodes']}",
        f"{made.mac_share:.1%}",
        f"{made.checked}, {made.mismatches}",
        f"{facts['sqnr_db']:.1f}, {made.sqnr_db:.1f}",
        f"{made.simulated_sqnr_db:.1f}",
        f"{found.plan_s:.1f}, {made.seconds:.1f}",
    ]


def markdown(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(LIGHT_MODELS), default=list(LIGHT_MODELS), metavar="NAME")
    options = parser.parse_args()
    say(markdown(HEADERS))
    say(markdown(["---"] * len(HEADERS)))
    for name in options.only:
        found = example(name)
        for runtime in RUNTIMES:
            with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
                say(markdown(row_of(name, runtime, found, passage(found, runtime, Path(folder)))))
    print_conditions(calibration_pictures=N_CALIBRATION, evaluation_pictures=N_EVALUATION, threads=1, batch=1)


if __name__ == "__main__":
    main()
