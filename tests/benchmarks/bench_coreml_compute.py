"""What float16 between codes costs a Core ML package: the reference evaluator in float32 and float16, on real samples.

    python tests/benchmarks/bench_coreml_compute.py [--models NAME ...] [--limit N]

Both rows are the very package of a Core ML row, S1, default calibration, evaluated op by op: float16 as a model, in
which each op's result is rounded to float16, and no Core ML result. SQNR is of the logits: against the simulated
graph (what the arithmetic costs) and against the FP32 reference (what all of it costs); "same answer" is top-1, where
there is a class. `model_1` is recurrent and comes without samples: eight random ones. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import DATA, print_conditions, say
from helpers.contexts import lowered
from helpers.coreml import quiet_coremltools
from helpers.coreml_passage import subject_of
from helpers.plans import run_graph
from helpers.real_models import REAL_MODELS, RealModel, run_document
from helpers.topologies import sqnr_db
from workbench_plugins.coreml.read_back import read_parameters
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.execution.result import Run
from workbench.model.load import load_model
from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.spi import OpenOptions, Prepared

HEADERS = (
    "model", "compute", "SQNR dB to simulation", "SQNR dB to FP32", "same answer as FP32 %", "biases rounded", "parity",
)  # fmt: skip
COMPUTES = ("float32", "float16")
WITHOUT_SAMPLES = "model_1"


def rows_of(real: RealModel, limit: int, folder: Path) -> Iterator[list[str]]:
    """Yield a real model's lines."""
    rows = [
        {"id": "coreml_evaluator", "name": compute, "precisions": ["int8"], "options": {"compute": compute}}
        for compute in COMPUTES
    ]
    result = run_document(real.document(DATA, rows, n_evaluation=limit), folder)
    for run in result.runs:
        if run.label in COMPUTES:
            yield [real.name, run.label, *figures(run)]


def figures(run: Run) -> list[str]:
    """Return a run's columns, or why there are none."""
    if run.status != "ok" or run.divergence is None or run.parity is None:
        return [f"{run.status}: {run.problem.message if run.problem else ''}", "", "", "", ""]
    agreement = run.top1_agreement.value if run.top1_agreement else None
    return [
        decibels(run.divergence.execution_nmse),
        "" if run.sqnr_db is None else f"{run.sqnr_db:.1f}",
        "" if agreement is None else f"{100 * agreement:.1f}",
        run.facts.get("biases_in_float16", ""),
        f"{len(run.parity.mismatches)} of {run.parity.checked} differ, {run.parity.declared} declared",
    ]


def decibels(nmse: float | None) -> str:
    if nmse is None:
        return ""
    return "equal" if nmse == 0 else f"{-10 * math.log10(nmse):.1f}"


def random_rows(name: str, folder: Path) -> Iterator[list[str]]:
    """Yield the lines of a model without samples."""
    quiet_coremltools()
    model = load_model(DATA / "models" / f"{name}.onnx").proto
    subject = subject_of(model, "S1")
    expected = run_graph(write_qdq(subject.canonical, subject.plan, SIMULATED), subject.feeds)
    reference = run_graph(subject.canonical, subject.feeds)
    for compute in COMPUTES:
        place = folder / compute
        place.mkdir(parents=True)
        settings = {"compute": compute}
        prepared, _ = lowered(EvaluatorRuntime(), subject.canonical, subject.plan, place, settings)
        with EvaluatorRuntime().open(prepared, OpenOptions("int8", 1, 1, place, settings)) as session:
            found = session.run(subject.feeds)
        against = [min(sqnr_db(value, found[key]) for key, value in to.items()) for to in (expected, reference)]
        told = prepared.notes.get("biases_in_float16", "")
        yield [name, compute, *(f"{value:.1f}" for value in against), "", told, parity(subject.plan, prepared)]


def parity(plan: QuantPlan, prepared: Prepared) -> str:
    """Return how many parameters of a package are others than planned or declared."""
    declared = replace(plan, biases={**plan.biases, **prepared.declared_biases})
    checked, mismatches = compare_with_plan(declared, read_parameters(prepared.artifact))
    return f"{len(mismatches)} of {checked} differ, {len(prepared.declared_biases)} declared"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*(real.name for real in REAL_MODELS), WITHOUT_SAMPLES]
    parser.add_argument("--models", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--limit", type=int, default=32, help="evaluation samples (default: %(default)s)")
    options = parser.parse_args()
    say("| " + " | ".join(HEADERS) + " |")
    say("|" + "---|" * len(HEADERS))
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
        for name in options.models:
            real = next((item for item in REAL_MODELS if item.name == name), None)
            place = Path(folder) / name
            for row in rows_of(real, options.limit, place) if real else random_rows(name, place):
                say("| " + " | ".join(row) + " |")
    print_conditions(scheme="S1", samples=f"{options.limit} (model_1: one random)", batch=1)


if __name__ == "__main__":
    main()
