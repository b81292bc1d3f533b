"""TensorRT where its libraries are: wholly there, near the simulation, INT8 by its layers; what a rebuild moves."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.gpu import N, Net, answers, probed, ratio_to_bare_loop
from workbench_plugins.ort_nvidia.session import checked_settings
from workbench_plugins.ort_tensorrt.inspector import tensorrt_package
from workbench_plugins.ort_tensorrt.runtime import RUNTIME
from workbench_plugins.ort_tensorrt.session import CONTEXT_FILE, SETTINGS, OrtTensorRtSession, provider_major

from workbench.measure.divergence import divergence
from workbench.spi import OpenOptions

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
    done = net.prepare(RUNTIME, "int8", tmp_path)
    told = answers(RUNTIME, done, net, "int8", tmp_path, build_twice=True).facts["rebuild_noise"]
    record_property("rebuild_noise", told)
    assert not told.startswith("not measured")
    if told.startswith("none"):
        return
    quantization = float(
        np.sum((net.plain["logits"] - net.simulated["logits"]) ** 2) / np.sum(net.plain["logits"] ** 2)
    )
    assert float(re.findall(r"nmse (\S+)", told)[0].rstrip(",")) < quantization


def test_the_plugin_adds_no_time_to_a_bare_loop(
    net: Net, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = net.prepare(RUNTIME, "int8", tmp_path)
    with RUNTIME.open(done, OpenOptions("int8", 1, N, tmp_path)) as session:
        providers = [(RUNTIME.provider.name, session.provider_options()), *session.next_providers()]
        bare = onnxruntime.InferenceSession(str(done.artifact), session.session_options(), providers=providers)
        ratio = ratio_to_bare_loop(lambda: session.run(net.feeds), lambda: bare.run(None, dict(net.feeds)))
    record_property("ratio_to_bare_loop", ratio)
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_an_engine_that_is_kept_is_loaded_faster_than_built(net: Net, tmp_path: Path) -> None:
    """Building is apart from loading: the second session finds the engine of the first."""
    done = net.prepare(RUNTIME, "int8", tmp_path)
    options = OpenOptions("int8", 1, N, tmp_path / "scratch", {})
    seconds = []
    for uses_built in (False, True):
        settings = checked_settings("ort_tensorrt", SETTINGS, {})
        begin = time.perf_counter()
        with OrtTensorRtSession(done, options, RUNTIME.provider, settings, uses_built=uses_built) as session:
            seconds.append(time.perf_counter() - begin)
            assert session.has_engine
    assert seconds[1] < seconds[0]


def test_the_context_file_that_is_asked_for_is_written(net: Net, tmp_path: Path) -> None:
    done = net.prepare(RUNTIME, "int8", tmp_path)
    options = OpenOptions("int8", 1, N, tmp_path / "scratch", {})
    settings = checked_settings("ort_tensorrt", SETTINGS, {"context_dump": True})
    with OrtTensorRtSession(done, options, RUNTIME.provider, settings, uses_built=False) as session:
        made = onnx.load(str(session.engines / CONTEXT_FILE))
        assert session.has_engine
    (node,) = [node for node in made.graph.node if node.op_type == "EPContext"]
    where = next(item.s.decode() for item in node.attribute if item.name == "ep_cache_context")
    assert not Path(where).is_absolute()


def test_the_probe_with_power_of_two_scales_names_what_departs() -> None:
    assert probed("ort_tensorrt")
