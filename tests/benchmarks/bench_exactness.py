"""How exactly a plan is computed: simulation and runtimes against the specification in integers, on whole real models.

    python tests/benchmarks/bench_exactness.py [--samples N] [--model NAME]

With power-of-two scales (S1-P2) the certificate says which tensors must be equal bit for bit; with float16 scales (S1)
none are, and the largest code difference is what float32's own rounding makes of near ties. "last tensor" is the
quantized tensor nearest to the compared output; steps are steps of its scale.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import threading
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import DATA, print_conditions, print_table, say
from helpers.real_models import REAL_MODELS, RealModel
from helpers.specification import simulated_codes

from workbench.execution.bundle import open_bundle
from workbench.execution.context import WorkerContext
from workbench.execution.discovery import find_plugin, load_runtime
from workbench.execution.preparation import prepare_data, prepare_model
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import study_from_document
from workbench.execution.worker import Channel
from workbench.model.canonical import with_extra_outputs
from workbench.model.load import save_proto
from workbench.quant.build import build_plan
from workbench.quant.certificate import certify
from workbench.quant.departure import compare_codes
from workbench.quant.integer_graph import IntegerGraph
from workbench.quant.plan import QuantPlan
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

RUNTIMES = ("ort_cpu", "openvino")
SCHEMES = {
    "S1-P2": Scheme(bias_correction=False, scale_rounding="power_of_two"),
    "S1": Scheme(bias_correction=False),
}


@dataclass(frozen=True)
class Case:
    """One model with one plan and samples; `last` is the last quantized tensor, an output of the canonical graph."""

    canonical: onnx.ModelProto
    plan: QuantPlan
    feeds: dict[str, Any]
    last: str


def cases(real: RealModel, folder: Path, n: int) -> dict[str, Case]:
    """Return one case per scheme."""
    study = study_from_document(real.document(DATA), folder, real.name)
    store = Store(folder)
    store.open()
    stages = Stages(store, lambda _: None, threading.Event())
    data = prepare_data(stages, study, "calibration")
    assert data is not None
    model = prepare_model(stages, study, study.candidates[0].source, False, data)
    samples = open_bundle(data.bundle(study, model.inputs))
    batches = list(islice(samples.batches(1), n))
    feeds = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    if model.fixed_batch:
        feeds = {name: values[: model.fixed_batch] for name, values in feeds.items()}
    source = onnx.load(model.canonical)
    made = {}
    for name, scheme in SCHEMES.items():
        plan = build_plan(
            model.sha256, source, model.facts["transforms"], scheme, samples, lambda *_: None, lambda: None
        )
        last = list(plan.tensors)[-1]
        made[name] = Case(with_extra_outputs(source, [last]), plan, feeds, last)
    return made


def simulation_row(case: Case) -> list[str]:
    """Certified tensors, what comes first that is not, and the code differences of the simulation."""
    certificate = certify(case.canonical, case.plan)
    names = list(case.plan.tensors)
    start = perf_counter()
    expected = IntegerGraph(case.canonical, case.plan).codes(case.feeds, names)
    seconds = (perf_counter() - start) / len(next(iter(case.feeds.values())))
    found = simulated_codes(case.canonical, case.plan, case.feeds)
    differences = {name: np.abs(codes - expected[name].codes) for name, codes in found.items()}
    certified = [name for name in found if name in certificate.exact]
    wrong = [name for name in certified if differences[name].any()]
    values = np.concatenate([item.reshape(-1) for item in differences.values()])
    return [
        f"{len(certified)}/{len(found)}",
        f"{len(wrong)} differ" if wrong else "all equal",
        str(int(values.max())),
        f"{100 * np.mean(values > 0):.3g} %",
        f"{seconds:.2f}",
        certificate.first_reason or "-",
    ]


def runtime_text(case: Case, runtime_id: str, folder: Path) -> str:
    """Largest difference in steps on the last tensor, and the share of its codes that differ."""
    folder.mkdir(parents=True)
    runtime = load_runtime(find_plugin(runtime_id).ref)
    save_proto(case.canonical, folder / "model.onnx")
    work_dir = folder / "artifact"
    work_dir.mkdir()
    channel = Channel(io.StringIO(), folder)
    context = WorkerContext(work_dir, "int8", "x64", {}, case.plan, folder / "model.onnx", channel)
    prepared = runtime.prepare(folder / "model.onnx", case.plan, context)
    batch = len(next(iter(case.feeds.values())))
    with runtime.open(prepared, OpenOptions("int8", 1, batch, folder)) as session:
        answers = session.run(case.feeds)[case.last]
    expected = IntegerGraph(case.canonical, case.plan).codes(case.feeds, [case.last])[case.last]
    found = compare_codes(expected, answers)
    return f"{found.largest_steps:.3g} ({100 * found.differing_share:.3g} %)"


def main() -> None:
    """Run every real model and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--model", choices=[real.name for real in REAL_MODELS])
    options = parser.parse_args()
    print_conditions(samples=options.samples)
    simulation: list[list[str]] = []
    runtimes: list[list[str]] = []
    for real in REAL_MODELS:
        if options.model in (None, real.name):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                for scheme, case in cases(real, folder / "study", options.samples).items():
                    say(f"{real.name} {scheme}")
                    simulation.append([real.name, scheme, *simulation_row(case)])
                    texts = [runtime_text(case, item, folder / scheme / item) for item in RUNTIMES]
                    runtimes.append([real.name, scheme, *texts])
    headers = ["certified", "certified ones", "largest, steps", "codes that differ", "s/sample", "first not certified"]
    print_table("Simulation against the specification, all tensors", ["model", "scheme", *headers], simulation)
    print_table(
        "Runtimes against the specification, last tensor: largest difference in steps (share of its codes)",
        ["model", "scheme", *RUNTIMES],
        runtimes,
    )


if __name__ == "__main__":
    main()
