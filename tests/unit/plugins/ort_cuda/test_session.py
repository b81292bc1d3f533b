"""Placement on CUDA: float kernels and why, float16 as float16, TF32 as the row says."""

from __future__ import annotations

from pathlib import Path

from helpers.contexts import PlainContext
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan
from workbench_plugins.ort_cuda.runtime import OrtCudaRuntime
from workbench_plugins.ort_cuda.session import FLOAT_KERNELS, SETTINGS, OrtCudaSession
from workbench_plugins.ort_nvidia.probing import CUDA, Provider
from workbench_plugins.ort_nvidia.session import checked_settings

from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.spi import OpenOptions, Placement, Prepared

STAND_IN = Provider("CPUExecutionProvider", "stand-in", "", "CPU")


def prepared(folder: Path, precision: str):
    canonical = canonical_graph(resnet_like())[0]
    plan = make_plan(canonical, random_feeds(canonical, 2)) if precision == "int8" else None
    save_proto(canonical, folder / "source" / "model.onnx")
    context = PlainContext(folder, precision, canonical, plan)
    return OrtCudaRuntime(STAND_IN).prepare(folder / "source" / "model.onnx", plan, context), context.graph


def test_every_node_is_placed(tmp_path):
    done, graph = prepared(tmp_path, "fp32")
    with OrtCudaRuntime(STAND_IN).open(done, OpenOptions("fp32", 1, 2, tmp_path)) as session:
        rows = {item.node: item for item in session.placement() if item.node}
    assert set(rows) == {node.name for node in graph.nodes}
    assert {rows[node.name].precision for node in graph.nodes if node.macs} == {"fp32"}


def test_float16_is_told_but_for_the_ops_that_the_conversion_leaves_alone(tmp_path):
    half = session(tmp_path, "fp16")
    assert half._in_own_words(Placement("conv", "Conv", "CUDA:0", "fp32")).precision == "fp16"
    assert half._in_own_words(Placement("nms", "NonMaxSuppression", "CUDA:0", "fp32")).precision == "fp32"
    assert half._in_own_words(Placement("?", "Conv", "CUDA:0", "unknown")).precision == "unknown"


def session(tmp_path: Path, precision: str, **settings) -> OrtCudaSession:
    options = OpenOptions(precision, 1, 1, tmp_path)
    return OrtCudaSession(
        Prepared(tmp_path / "m.onnx"), options, CUDA, checked_settings("ort_cuda", SETTINGS, settings)
    )


def test_int8_in_float_kernels_says_why(tmp_path):
    row = Placement("conv", "Conv", "CUDA:0", "fp32", reason="NOT TAKEN")
    assert session(tmp_path, "int8")._in_own_words(row).reason == FLOAT_KERNELS
    assert session(tmp_path, "fp32")._in_own_words(row).reason == "NOT TAKEN"
    elsewhere = Placement("shape", "Shape", "CPU", "fp32", reason="another provider took it")
    assert session(tmp_path, "int8")._in_own_words(elsewhere) == elsewhere


def test_tf32_is_off_unless_asked_for(tmp_path):
    assert session(tmp_path, "fp32").provider_options() == {"device_id": "0", "use_tf32": "0"}
    assert session(tmp_path, "fp32", tf32=True, device=2).provider_options() == {"device_id": "2", "use_tf32": "1"}


def test_the_simulation_runs_the_graph_as_written(tmp_path):
    levels = {
        name: session(tmp_path, name).session_options().graph_optimization_level.name for name in ("fp32", "int8")
    }
    assert levels == {"fp32": "ORT_ENABLE_ALL", "int8": "ORT_DISABLE_ALL"}
