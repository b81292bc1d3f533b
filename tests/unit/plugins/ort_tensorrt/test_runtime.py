"""The TensorRT plugin: real models lower legally under S1, S2 is symmetric only, artifacts hold the plan."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan
from workbench_plugins.ort_tensorrt import runtime as module
from workbench_plugins.ort_tensorrt.file_rules import judge_file
from workbench_plugins.ort_tensorrt.graph_rules import judge_graph
from workbench_plugins.ort_tensorrt.runtime import DIALECT, RUNTIME
from workbench_plugins.ort_tensorrt.session import WITH_SAMPLES

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.model.load import load_model
from workbench.model.summary import graph_summary
from workbench.quant.dialect import Dialect
from workbench.quant.parity import compare_with_plan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme

MODELS = ("kws_dscnn", "mobilenet_v1_0.25_224", "model_1", "resnet8", "squeezenet1.1", "version-RFB-320")


@pytest.fixture(scope="module")
def canonical():
    return canonical_graph(resnet_like())[0]


def prepare(canonical, folder: Path):
    plan = make_plan(canonical, random_feeds(canonical, 2))
    return RUNTIME.prepare(folder / "m.onnx", plan, PlainContext(folder, "int8", canonical, plan)), plan


def test_the_artifact_is_legal_and_holds_the_plan(canonical, tmp_path):
    done, plan = prepare(canonical, tmp_path)
    assert compare_with_plan(plan, RUNTIME.read_back(done.artifact))[1] == []
    assert done.notes["legality"].startswith("legal by the documented rules of TensorRT 10")
    assert judge_file(onnx.load(done.artifact)) == []


def test_a_file_that_would_be_refused_is_not_handed_on(canonical, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DIALECT", Dialect(activation="uint8"))
    with pytest.raises(ModelError, match="would be refused by TensorRT"):
        prepare(canonical, tmp_path)


def test_unknown_options_and_a_missing_plan_are_refused(canonical, tmp_path):
    context = PlainContext(tmp_path, "int8", canonical, settings={"int8": True})
    with pytest.raises(ValueError, match="ort_tensorrt has no option 'int8'"):
        RUNTIME.prepare(tmp_path / "m.onnx", None, context)
    with pytest.raises(ValueError, match="with a plan only"):
        RUNTIME.prepare(tmp_path / "m.onnx", None, PlainContext(tmp_path, "int8", canonical))


def test_s2_is_symmetric_only(canonical, tmp_path):
    found = RUNTIME.realise(PlainContext(tmp_path, "int8", canonical).graph, Scheme(name="S2"), {})
    assert [item.refuses for item in found] == [True]
    assert found[0].reason.startswith("symmetric only")
    assert RUNTIME.realise(PlainContext(tmp_path, "int8", canonical).graph, Scheme(), {}) == []


def test_a_half_precision_remainder_is_a_deviation_before_the_run(canonical, tmp_path):
    graph = PlainContext(tmp_path, "int8", canonical).graph
    (found,) = RUNTIME.realise(graph, Scheme(), {"remainder": "fp16"})
    assert (found.refuses, found.realised) == (False, "they may compute in float16")
    assert RUNTIME.realise(graph, Scheme(name="fp32"), {"remainder": "fp16"}) == []
    with pytest.raises(ValueError, match="ort_tensorrt option remainder = 'bf16' is not one of fp32, fp16"):
        RUNTIME.realise(graph, Scheme(), {"remainder": "bf16"})


@pytest.mark.data
@pytest.mark.parametrize("name", MODELS)
def test_every_real_model_is_legal_under_s1_and_illegal_under_s2(name, shared_data):
    graph, _ = canonical_graph(load_model(shared_data / "models" / f"{name}.onnx").proto)
    summary = graph_summary(graph)
    assert judge_graph(summary, Scheme()) == []
    assert judge_graph(summary, Scheme(name="S2"))[0].reason.startswith("symmetric only")
    feeds = random_feeds(graph, 1)
    assert judge_file(write_qdq(graph, make_plan(graph, feeds), DIALECT)) == []
    affine = judge_file(write_qdq(graph, make_plan(graph, feeds, Scheme(name="S2")), DIALECT))
    assert {item.rule for item in affine} >= {"codes_not_int8"}


def test_probe_is_an_answer():
    found = RUNTIME.probe()
    assert found.ok or found.reason


def test_the_engine_is_built_while_preparing_where_the_device_is(canonical, tmp_path, monkeypatch):
    opened = []

    class Session:
        has_engine = True

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    def open_session(prepared, options):
        opened.append((prepared.artifact, options.batch, options.work_dir))
        return Session()

    runtime = module.OrtTensorRtRuntime()
    monkeypatch.setattr(runtime, "_session", open_session)
    plan = make_plan(canonical, random_feeds(canonical, 2))

    def told(ready):
        monkeypatch.setattr(module, "is_ready", lambda provider: ready)
        context = PlainContext(tmp_path, "int8", canonical, plan, batch=8)
        return runtime.prepare(tmp_path / "m.onnx", plan, context).notes["engine"]

    assert told(ready=False) == "not built: no device here"
    assert told(ready=True) == "built while preparing"
    Session.has_engine = False
    assert told(ready=True) == WITH_SAMPLES, "an engine for shapes that are not known yet"
    assert opened == [(tmp_path / "qdq.onnx", 8, tmp_path)] * 2
