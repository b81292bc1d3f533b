"""ONNX Runtime CPU as a plugin: probe, realise, prepare, read back, and what the four classifiers become."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.contexts import PlainContext, lowered
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from onnx import numpy_helper
from workbench_plugins.ort_cpu import runtime as module
from workbench_plugins.ort_cpu.cpu import Cpu
from workbench_plugins.ort_cpu.runtime import RUNTIME, isa_note

from workbench.model.canonical import canonical_graph
from workbench.model.load import load_model, save_proto
from workbench.quant.parity import compare_with_plan
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

CLASSIFIERS = ("resnet8", "kws_dscnn", "mobilenet_v1_0.25_224", "squeezenet1.1")


@pytest.fixture(scope="module")
def canonical():
    return canonical_graph(resnet_like())[0]


def prepared(canonical, folder: Path, precision="int8", scheme=Scheme(), target="x64"):  # noqa: B008
    plan = make_plan(canonical, random_feeds(canonical, 2), scheme) if precision == "int8" else None
    context = PlainContext(folder, precision, canonical, plan, target)
    save_proto(canonical, folder / "source" / "model.onnx")
    return RUNTIME.prepare(folder / "source" / "model.onnx", plan, context), context


def options(folder: Path, precision="int8", **settings) -> OpenOptions:
    return OpenOptions(precision, 1, 2, folder, settings)


def coverage(session, graph) -> float:
    precision = {item.node: item.precision for item in session.placement() if item.node}
    return sum(node.macs for node in graph.nodes if precision[node.name] == "int8") / graph.macs


def test_probe_names_versions_and_processor():
    found = RUNTIME.probe()
    assert found.ok
    assert "1.31.1" in found.versions.values()
    assert found.devices[0].startswith("CPU: ")
    assert found.precisions == ("fp32", "int8")


def test_probe_without_onnxruntime_is_an_answer(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(module.importlib.metadata, "version", absent)
    found = RUNTIME.probe()
    assert not found.ok
    assert found.remedy == 'pip install "onnxruntime==1.31.1"'


@pytest.mark.parametrize(
    ("cpu", "words"),
    [
        (Cpu("c", True, ("avx2", "avx512_vnni")), ""),
        (Cpu("c", True, ("avx2",)), "saturate"),
        (Cpu("c", True, None), "not known"),
        (Cpu("c", False, None), ""),
    ],
)
def test_the_note_on_instruction_sets(cpu, words):
    assert words in isa_note(cpu)
    assert bool(isa_note(cpu)) == bool(words)


def test_probe_and_realise_load_neither_a_runtime_nor_onnx():
    code = """
import sys
from workbench.spi import GraphSummary, Scheme
from workbench_plugins.ort_cpu.runtime import RUNTIME
RUNTIME.probe()
for name in ("S1", "S2", "S3", "fp16"):
    RUNTIME.realise(GraphSummary((), (), ()), Scheme(name=name), {})
print([name for name in ("onnxruntime", "onnx", "PySide6") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_realise_refuses_float16_and_names_every_deviation(canonical):
    graph = PlainContext(Path(), "int8", canonical).graph
    assert [item.refuses for item in RUNTIME.realise(graph, Scheme(name="fp16"), {})] == [True]
    assert RUNTIME.realise(graph, Scheme(name="fp32"), {}) == []
    assert [item.realised for item in RUNTIME.realise(graph, Scheme(), {})] == [
        "uint8 activations, zero point 128 (x64)"
    ]
    assert not any(item.codes_change for item in RUNTIME.realise(graph, Scheme(), {}))


def test_prepare_fp32_gives_the_same_file_and_the_same_answers(canonical, tmp_path):
    artifact = prepared(canonical, tmp_path, "fp32")[0].artifact
    assert artifact.parent == tmp_path
    assert artifact.read_bytes() == (tmp_path / "source" / "model.onnx").read_bytes()
    feeds = random_feeds(canonical, 2)
    with RUNTIME.open(prepared(canonical, tmp_path, "fp32")[0], options(tmp_path, "fp32")) as session:
        found = session.run(feeds)
    expected = run_graph(canonical, feeds, optimized=True)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_prepare_refuses_fp16_targets_and_options_it_does_not_know(canonical, tmp_path):
    with pytest.raises(ValueError, match="fp16"):
        RUNTIME.prepare(tmp_path, None, PlainContext(tmp_path, "fp16", canonical))
    with pytest.raises(ValueError, match="wasm"):
        prepared(canonical, tmp_path, target="wasm")
    with pytest.raises(ValueError, match="no option 'spinning'"):
        RUNTIME.prepare(tmp_path, None, PlainContext(tmp_path, "fp32", canonical, settings={"spinning": True}))


@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
@pytest.mark.parametrize("target", ["x64", "x64-no-vnni", "arm64"])
def test_every_target_has_parity_and_gives_the_planned_answers(canonical, tmp_path, scheme, target):
    done, context = prepared(canonical, tmp_path, scheme=Scheme(name=scheme), target=target)
    assert compare_with_plan(context.plan, RUNTIME.read_back(done.artifact))[1] == []
    feeds = random_feeds(canonical, 2, seed=3)
    expected = run_graph(onnx.load(done.artifact), feeds)
    with RUNTIME.open(done, options(tmp_path)) as session:
        found = session.run(feeds)
    for name, value in expected.items():
        assert np.sum((found[name] - value) ** 2) < 1e-3 * np.sum(value**2)


def test_a_target_without_vnni_says_that_sums_saturate(canonical, tmp_path):
    assert [item.node for item in prepared(canonical, tmp_path, target="x64-no-vnni")[0].deviations] == [None]
    assert prepared(canonical, tmp_path, target="x64")[0].deviations == ()


def test_a_planted_scale_code_and_bias_are_found_from_the_path_alone(canonical, tmp_path):
    done, context = prepared(canonical, tmp_path)
    model = onnx.load(done.artifact)
    weight, bias = list(context.plan.weights)[1], list(context.plan.biases)[2]
    for item in model.graph.initializer:
        array = numpy_helper.to_array(item).copy()
        if item.name == "input__scale":
            array *= np.float32(2)
        elif item.name == f"{weight}__codes":
            array.flat[5] ^= 1
        elif item.name == f"{bias}__codes":
            array.flat[0] += 1
        else:
            continue
        item.CopyFrom(numpy_helper.from_array(array, item.name))
    onnx.save(model, done.artifact)
    mismatches = compare_with_plan(context.plan, RUNTIME.read_back(done.artifact))[1]
    assert [(item.kind, item.name) for item in mismatches] == [("tensor", "input"), ("weight", weight), ("bias", bias)]


@pytest.mark.parametrize("excluded", ["stem_node", "block0_conv1_node", "block1_conv2_node"])
def test_a_float_conv_lowers_the_coverage_by_exactly_its_share(canonical, tmp_path, excluded):
    scheme = Scheme(exclude_nodes=(excluded,))
    done, context = prepared(canonical, tmp_path, scheme=scheme)
    macs = {node.name: node.macs for node in context.graph.nodes}
    with RUNTIME.open(done, options(tmp_path)) as session:
        assert coverage(session, context.graph) == (context.graph.macs - macs[excluded]) / context.graph.macs
        (conv,) = [item for item in session.placement() if item.node == excluded]
    assert (conv.op_type, conv.precision) == ("Conv", "fp32") or conv.op_type == "FusedConv"
    assert "excluded by the scheme" in conv.reason


@pytest.mark.data
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_run_on_integer_kernels_throughout(shared_data, tmp_path, name):
    canonical = canonical_graph(load_model(shared_data / "models" / f"{name}.onnx").proto)[0]
    scale = 50.0 if name == "resnet8" else 1.0
    plan = make_plan(canonical, random_feeds(canonical, 1, scale=scale))
    context = PlainContext(tmp_path, "int8", canonical, plan)
    done = RUNTIME.prepare(tmp_path / "unused.onnx", plan, context)
    assert compare_with_plan(plan, RUNTIME.read_back(done.artifact))[1] == []
    with RUNTIME.open(done, options(tmp_path)) as session:
        assert coverage(session, context.graph) == 1.0
        floats = [item for item in session.placement() if item.node and item.precision != "int8"]
    assert all(item.reason.startswith("after the last INT8 layer") for item in floats)
    assert {item.op_type for item in floats} <= {"Softmax", "Flatten"}


def test_the_full_range_after_relu_is_declared_and_has_parity_with_what_it_declares(canonical, tmp_path):
    plan = make_plan(canonical, random_feeds(canonical, 2))
    done, context = lowered(RUNTIME, canonical, plan, tmp_path, {"full_range_relu": True})
    announced = RUNTIME.realise(context.graph, Scheme(), context.settings)
    assert [item.codes_change for item in announced] == [False, True]
    assert set(done.declared) == {node.output[0] for node in canonical.graph.node if node.op_type == "Relu"}
    assert done.notes["tensors after ReLU clamped at 255"] == str(len(done.declared))
    found = RUNTIME.read_back(done.artifact)
    declared = replace(plan, tensors={**plan.tensors, **done.declared})
    assert compare_with_plan(declared, found)[1] == []
    assert {item.name for item in compare_with_plan(plan, found)[1]} == set(done.declared)
    with RUNTIME.open(done, options(tmp_path, full_range_relu=True)) as session:
        assert coverage(session, context.graph) == 1.0
        session.run(random_feeds(canonical, 2))
        assert "Clip" not in {item.op_type for item in session.placement()}


def test_without_the_option_nothing_is_declared(canonical, tmp_path):
    assert prepared(canonical, tmp_path)[0].declared == {}
    graph = PlainContext(tmp_path, "int8", canonical).graph
    with pytest.raises(ValueError, match="no option 'ful_range'"):
        RUNTIME.realise(graph, Scheme(), {"ful_range": True})
