"""Every model of the data folder beside the project, as TensorRT judges it: S1 legal, S2 refused, without a GPU."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import onnx
import pytest
from helpers.benchmarks import DATA
from helpers.contexts import lowered
from helpers.rule_nets import MemorySamples, example_feeds
from workbench_plugins.ort_tensorrt.file_rules import judge_file
from workbench_plugins.ort_tensorrt.graph_rules import OUTSIDE, judge_graph
from workbench_plugins.ort_tensorrt.runtime import DIALECT, RUNTIME

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.model.load import load_model
from workbench.model.summary import graph_summary
from workbench.quant.build import build_plan
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme

MODELS = ("kws_dscnn", "mobilenet_v1_0.25_224", "model_1", "resnet8", "squeezenet1.1", "version-RFB-320")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the data folder beside the project is absent")


@cache
def planned(name: str, scheme: str) -> tuple[onnx.ModelProto, QuantPlan]:
    """Return the canonical graph and a plan on two random samples: what is legal does not hang on the ranges."""
    model = load_model(DATA / "models" / f"{name}.onnx")
    canonical, transforms = canonical_graph(model.proto)
    samples = MemorySamples(dict(example_feeds(canonical, 2, seed=1)))
    plan = build_plan(model.sha256, canonical, transforms, Scheme(name=scheme), samples, lambda *_: None, lambda: None)  # type: ignore[arg-type]
    return canonical, plan


@pytest.mark.parametrize("name", MODELS)
def test_s1_is_judged_legal_and_lowers_with_the_plans_numbers(name: str, tmp_path: Path) -> None:
    canonical, plan = planned(name, "S1")
    judged = judge_graph(graph_summary(canonical), plan.scheme)
    assert not [item for item in judged if item.refuses]
    assert {item.realised for item in judged} <= {OUTSIDE}
    prepared, _ = lowered(RUNTIME, canonical, plan, tmp_path)
    assert prepared.notes["legality"].startswith("legal")
    assert [judge_file(onnx.load(prepared.artifact), major) for major in (10, 11)] == [[], []]
    checked, mismatches = compare_with_plan(plan, RUNTIME.read_back(prepared.artifact))
    assert (checked, mismatches) == (len(plan.tensors) + len(plan.weights) + len(plan.biases), [])
    assert checked > 0


@pytest.mark.parametrize("name", MODELS)
def test_s2_is_refused_because_it_is_not_symmetric(name: str, tmp_path: Path) -> None:
    canonical, plan = planned(name, "S2")
    (refusal,) = [item for item in judge_graph(graph_summary(canonical), plan.scheme) if item.refuses]
    assert "symmetric only" in refusal.reason
    assert any("zero point" in item.reason for item in judge_file(write_qdq(canonical, plan, DIALECT)))
    with pytest.raises(ModelError, match="refused by TensorRT"):
        lowered(RUNTIME, canonical, plan, tmp_path)
