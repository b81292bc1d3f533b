"""TensorRT where its libraries are: wholly there, near the simulation, INT8 by its layers; what a rebuild moves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.gpu import N, Net, answers
from workbench_plugins.ort_tensorrt.inspector import tensorrt_package
from workbench_plugins.ort_tensorrt.runtime import RUNTIME
from workbench_plugins.ort_tensorrt.session import provider_major

from workbench.measure.divergence import divergence

pytestmark = pytest.mark.usefixtures("tensorrt")


@pytest.mark.parametrize(("precision", "least_db"), [("fp32", 80.0), ("fp16", 40.0)])
def test_float_answers_are_those_of_the_cpu(net: Net, precision: str, least_db: float, tmp_path: Path) -> None:
    found = answers(RUNTIME, net.prepare(RUNTIME, precision, tmp_path), net, precision, tmp_path)
    assert (divergence(net.plain["logits"], found.logits).sqnr_db or np.inf) > least_db
    assert found.facts["fallback"] == "none"


def test_s1_is_taken_whole_and_answers_as_the_simulation(net: Net, tmp_path: Path) -> None:
    done = net.prepare(RUNTIME, "int8", tmp_path)
    assert done.notes["engine"] == "built while preparing"
    found = answers(RUNTIME, done, net, "int8", tmp_path, fallback="error")
    assert found.facts["fallback"] == "none"
    assert found.facts["engine"] == "loaded from the cache made while building"
    assert f":{N}x" in found.facts["optimization_profile"]
    assert (divergence(net.simulated["logits"], found.logits).sqnr_db or np.inf) > 20.0
    if tensorrt_package(provider_major(RUNTIME.provider)) is None:
        pytest.skip("answers hold; layer precisions need the TensorRT Python package")
    assert {found.placement[name].precision for name in net.compute_nodes} == {"int8"}


def test_a_rebuild_moves_the_answers_by_a_noise_that_is_told(
    net: Net, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outputs = []
    for name in ("first", "second"):
        folder = tmp_path / name
        outputs.append(answers(RUNTIME, net.prepare(RUNTIME, "int8", folder), net, "int8", folder).logits)
    noise = float(np.sum((outputs[0] - outputs[1]) ** 2) / np.sum(outputs[0] ** 2))
    record_property("rebuild_nmse", noise)
    assert noise < float(np.sum((net.plain["logits"] - outputs[0]) ** 2) / np.sum(net.plain["logits"] ** 2))


def test_the_probe_with_power_of_two_scales_names_what_departs() -> None:
    command = [sys.executable, "-m", "workbench", "probe", "ort_tensorrt", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
