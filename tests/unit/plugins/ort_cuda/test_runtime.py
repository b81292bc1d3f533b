"""The CUDA plugin: every quantized scheme is called a simulation, float16 files are real, options are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from workbench_plugins.ort_cuda.runtime import RUNTIME, SIMULATED_INT8, OrtCudaRuntime, write_float16
from workbench_plugins.ort_nvidia.probing import Provider

from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.quant.parity import compare_with_plan
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

STAND_IN = Provider("CPUExecutionProvider", "stand-in", "", "CPU")


@pytest.fixture(scope="module")
def canonical():
    return canonical_graph(resnet_like())[0]


def prepared(canonical, folder: Path, precision="int8", scheme="S1", **settings):
    plan = make_plan(canonical, random_feeds(canonical, 2), Scheme(name=scheme)) if precision == "int8" else None
    context = PlainContext(folder, precision, canonical, plan, settings=settings)
    save_proto(canonical, folder / "source" / "model.onnx")
    return RUNTIME.prepare(folder / "source" / "model.onnx", plan, context), plan


@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
def test_int8_is_called_simulated(canonical, scheme, tmp_path):
    (found,) = RUNTIME.realise(PlainContext(tmp_path, "int8", canonical).graph, Scheme(name=scheme), {})
    assert found.realised == SIMULATED_INT8 == "simulated INT8 (float kernels)"
    assert not found.refuses


@pytest.mark.parametrize("scheme", ["fp32", "fp16"])
def test_float_is_what_it_is(canonical, scheme, tmp_path):
    assert RUNTIME.realise(PlainContext(tmp_path, scheme, canonical).graph, Scheme(name=scheme), {}) == []


@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_the_artifact_holds_the_plan_and_is_evidence_of_a_simulation(canonical, scheme, tmp_path):
    done, plan = prepared(canonical, tmp_path, scheme=scheme)
    checked, mismatches = compare_with_plan(plan, RUNTIME.read_back(done.artifact))
    assert checked > 0
    assert mismatches == []
    assert done.notes["evidence"] == "simulated"


def test_facts_say_simulated_for_int8_alone(canonical, tmp_path):
    runtime = OrtCudaRuntime(STAND_IN)
    for precision in ("int8", "fp32"):
        done, _ = prepared(canonical, tmp_path / precision, precision)
        with runtime.open(done, OpenOptions(precision, 1, 1, tmp_path)) as session:
            assert session.facts().get("evidence") == ("simulated" if precision == "int8" else None)


def test_float16_files_hold_float16_and_answer_alike(canonical, tmp_path):
    save_proto(canonical, tmp_path / "model.onnx")
    path = write_float16(tmp_path / "model.onnx", tmp_path / "half")
    written = onnx.load(path)
    kinds = {item.data_type for item in written.graph.initializer if len(item.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert written.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    feeds = random_feeds(canonical, 1)
    full, half = run_graph(canonical, feeds), run_graph(written, feeds)
    for name, value in full.items():
        assert half[name].dtype == np.float32
        assert 0 < float(np.max(np.abs(half[name] - value))) < 0.02 * float(np.max(np.abs(value)))


def test_unknown_options_and_a_missing_plan_are_refused(canonical, tmp_path):
    with pytest.raises(ValueError, match="ort_cuda has no option 'cudnn'"):
        prepared(canonical, tmp_path, cudnn=True)
    with pytest.raises(ValueError, match="with a plan only"):
        RUNTIME.prepare(tmp_path / "m.onnx", None, PlainContext(tmp_path, "int8", canonical))


def test_probe_is_an_answer():
    found = RUNTIME.probe()
    assert found.ok or found.reason
