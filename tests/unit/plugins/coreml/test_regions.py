"""Products of codes in a package, against the plan and the graph's own multiply-accumulates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers.contexts import lowered
from helpers.onnx_models import conv_relu_net, encoder_like
from helpers.rule_nets import planned
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.regions import int8_share, products_of_codes
from workbench_plugins.coreml.runtime import CoreMlRuntime
from workbench_plugins.coreml.sidecar import load_sidecar

from workbench.model.summary import graph_summary
from workbench.quant.scheme import Scheme
from workbench.spi import Prepared


def share_of(canonical: onnx.ModelProto, prepared: Prepared) -> float | None:
    return int8_share(read_package(prepared.artifact), load_sidecar(prepared.artifact), graph_summary(canonical))


def test_a_whole_network_is_products_of_codes_and_the_note_says_so(residual: Any) -> None:
    assert share_of(residual.canonical, residual.prepared) == 1.0
    assert residual.prepared.notes["int8_region"] == "100.0 % of the multiply-accumulates"


@pytest.mark.parametrize("compute", ["float32", "float16"])
@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
def test_a_layer_left_in_float_lowers_it_by_its_own_share(target: str, compute: str, tmp_path: Path) -> None:
    canonical, plan = planned(conv_relu_net(), Scheme(exclude_nodes=("conv2_node",)))
    settings = {"deployment_target": target, "compute": compute}
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, tmp_path, settings)
    macs = {node.name: node.macs for node in graph_summary(canonical).nodes}
    assert share_of(canonical, prepared) == pytest.approx(1 - macs["conv2_node"] / sum(macs.values()), abs=1e-12)


@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_it_is_what_the_plan_asks_for_in_an_encoder(scheme: str, tmp_path: Path) -> None:
    """Attention's products of two activations stay in float, those with weights do not."""
    canonical, plan = planned(encoder_like(), Scheme(name=scheme))  # type: ignore[arg-type]
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, tmp_path)
    graph = graph_summary(canonical)
    asked = sum(node.macs for node in graph.nodes if node.name not in plan.float_nodes)
    assert 0.5 < asked / graph.macs < 1
    assert share_of(canonical, prepared) == pytest.approx(asked / graph.macs, abs=1e-12)


def test_weights_alone_are_no_region(tmp_path: Path) -> None:
    canonical, plan = planned(conv_relu_net(), Scheme(name="S3"))
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, tmp_path)
    assert products_of_codes(read_package(prepared.artifact)) == frozenset()
    assert "int8_region" not in prepared.notes


def test_a_graph_without_products_has_no_share(residual: Any) -> None:
    program, sidecar = read_package(residual.prepared.artifact), load_sidecar(residual.prepared.artifact)
    nothing = onnx.helper.make_model(onnx.helper.make_graph([], "nothing", [], []))
    assert int8_share(program, sidecar, graph_summary(nothing)) is None
