"""What lowering to Core ML and the reference evaluator cost on a network of ResNet-50's size. Runs on every system.

    python tests/benchmarks/bench_coreml_evaluator.py [--images N]

The network is made in code with seeded weights: its answers mean nothing. Three packages of it at iOS17: FP32 in
float32 and in float16 compute, and S1 (calibrated on 4 random images). Each is lowered in a process of its own (ONNX
file to saved package, import of coremltools included) and evaluated in another (package to answers), on one thread;
seconds are CPU seconds, memory is the largest resident size. SQNR is against ONNX Runtime on the ONNX file that was
lowered, as written, over the same images. Aims: lowering under 15 s and 2 GB, the evaluator under 3 s an image.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import print_conditions, print_table, say
from helpers.big_models import image_feeds, resnet50_size
from helpers.rule_nets import planned
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.frontend.convert import convert
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.pipeline import write_package

from workbench.execution.worker import peak_rss_bytes
from workbench.measure.divergence import divergence
from workbench.model.load import save_proto
from workbench.quant.qdq import write_qdq
from workbench.spi import Dialect

CASES = {"FP32": "float32", "FP32, float16 compute": "float16", "S1": "float32"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if arguments.step:
        step, source, package, compute = arguments.step
        {"lower": lower, "evaluate": evaluate}[step](Path(source), Path(package), compute, arguments.images)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = list(table(Path(folder), arguments.images))
    headers = ["package", "lowering s", "lowering MiB", "load s", "s / image", "evaluator MiB", "SQNR dB"]
    print_table("Core ML lowering and reference evaluator, ResNet-50 size, iOS17", headers, rows)
    print_conditions(images=arguments.images, threads=1)


def table(folder: Path, images: int) -> Iterator[list[str]]:
    for name, compute in CASES.items():
        source = folder / f"{name[:2]}.onnx"
        if not source.exists():
            save_proto(graph(name), source)
        package = folder / f"{len(list(folder.iterdir()))}.mlpackage"
        say(f"{name} ...")
        lowered = child("lower", source, package, compute, images)
        found = child("evaluate", source, package, compute, images)
        yield [
            name,
            f"{lowered['cpu_s']:.1f}",
            f"{lowered['peak_mib']:.0f}",
            f"{found['load_s']:.2f}",
            f"{found['image_s']:.2f}",
            f"{found['peak_mib']:.0f}",
            f"{found['sqnr_db']:.1f}",
        ]


def graph(name: str) -> onnx.ModelProto:
    model = resnet50_size()
    if name != "S1":
        return model
    canonical, plan = planned(model, feeds={"input": image_feeds(4, seed=1)})
    return write_qdq(canonical, plan, Dialect())


def child(step: str, source: Path, package: Path, compute: str, images: int) -> dict[str, float]:
    """Run one step in a process of its own and return the figures that it printed."""
    command = [sys.executable, __file__, "--images", str(images), "--step", step, str(source), str(package), compute]
    environment = {**os.environ, **ONE_THREAD}
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(outcome.stdout.splitlines()[-1]))


def lower(source: Path, package: Path, compute: str, _: int) -> None:
    write_package(convert(onnx.load(str(source)), "iOS17").program, package, "iOS17", compute)
    report(cpu_s=time.process_time())


def evaluate(source: Path, package: Path, _: str, images: int) -> None:
    began = time.process_time()
    evaluator = Evaluator(read_package(package))
    loaded = time.process_time()
    feeds = [image[None] for image in image_feeds(images)]
    answers = [evaluator.run({evaluator.inputs[0].name: image})[evaluator.outputs[0]] for image in feeds]
    image_s = (time.process_time() - loaded) / images
    peak_mib = (peak_rss_bytes() or 0) / 2**20
    reference = np.concatenate([simulated(source, image) for image in feeds])
    found = divergence(reference, np.concatenate(answers)).sqnr_db
    report(load_s=loaded - began, image_s=image_s, sqnr_db=found, peak_mib=peak_mib)


def simulated(source: Path, image: Any) -> Any:
    """Return ONNX Runtime's answers with the graph computed as written."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": image})[0]


def report(**figures: float) -> None:
    say(json.dumps({"peak_mib": (peak_rss_bytes() or 0) / 2**20, **figures}))


if __name__ == "__main__":
    main()
