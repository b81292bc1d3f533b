"""CUDA against the CPU: the same answers in float, a simulation in INT8 that says so, as fast as a bare loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from helpers.gpu import N, Net, answers, probed, ratio_to_bare_loop
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


def test_the_plugin_adds_no_time_to_a_bare_loop(
    net: Net, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = net.prepare(RUNTIME, "fp32", tmp_path)
    load_shipped(RUNTIME.provider)
    bare = onnxruntime.InferenceSession(
        str(done.artifact), providers=[("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]
    )
    with RUNTIME.open(done, OpenOptions("fp32", 1, N, tmp_path)) as session:
        ratio = ratio_to_bare_loop(lambda: session.run(net.feeds), lambda: bare.run(None, dict(net.feeds)))
    record_property("ratio_to_bare_loop", ratio)
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_the_probe_with_power_of_two_scales_names_what_departs() -> None:
    assert probed("ort_cuda")
