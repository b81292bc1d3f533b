"""CUDA against the CPU: the same answers in float, a simulation in INT8 that says so, as fast as a bare loop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from helpers.gpu import N, Net, answers
from workbench_plugins.ort_cuda.runtime import RUNTIME
from workbench_plugins.ort_nvidia.session import load_shipped

from workbench.measure.divergence import divergence
from workbench.spi import OpenOptions

pytestmark = pytest.mark.usefixtures("cuda")


@pytest.mark.parametrize(("precision", "least_db"), [("fp32", 90.0), ("fp16", 45.0)])
def test_float_answers_are_those_of_the_cpu(net: Net, precision: str, least_db: float, tmp_path: Path) -> None:
    found = answers(RUNTIME, net.prepare(RUNTIME, precision, tmp_path), net, precision, tmp_path)
    reference, output = net.plain["logits"], found.logits
    assert (divergence(reference, output).sqnr_db or np.inf) > least_db
    assert float(np.mean(reference.argmax(1) == output.argmax(1))) > 0.99
    assert found.facts["fallback"] == "none"
    assert found.facts["tf32"] == "off"
    assert {found.placement[name].precision for name in net.compute_nodes} == {precision}
    assert {found.placement[name].device for name in net.compute_nodes} == {"CUDA:0"}


def test_int8_is_the_simulation_and_coverage_says_float(net: Net, tmp_path: Path) -> None:
    found = answers(RUNTIME, net.prepare(RUNTIME, "int8", tmp_path), net, "int8", tmp_path)
    assert (divergence(net.simulated["logits"], found.logits).sqnr_db or np.inf) > 60.0
    assert found.facts["fallback"] == "none"
    assert {found.placement[name].precision for name in net.compute_nodes} == {"fp32"}
    assert found.facts["evidence"] == "simulated"


def test_the_plugin_adds_no_time_to_a_bare_loop(net: Net, tmp_path: Path) -> None:
    done = net.prepare(RUNTIME, "fp32", tmp_path)
    load_shipped(RUNTIME.provider)
    bare = onnxruntime.InferenceSession(
        str(done.artifact), providers=[("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]
    )
    with RUNTIME.open(done, OpenOptions("fp32", 1, N, tmp_path)) as session:
        ratios = [
            rate(lambda: session.run(net.feeds)) / rate(lambda: bare.run(None, dict(net.feeds))) for _ in range(5)
        ]
    assert float(np.median(ratios)) == pytest.approx(1.0, abs=0.1)


def rate(run: Any, seconds: float = 0.5) -> float:
    """Runs per second of one block after some that do not count."""
    for _ in range(5):
        run()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run()
        count += 1
    return count / (time.perf_counter() - start)
