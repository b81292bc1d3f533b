"""The list of nodes beside an artifact."""

from __future__ import annotations

import pytest
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan
from workbench_plugins.ort_cpu.canonical_nodes import CanonicalNode, load_nodes, nodes_of, save_nodes

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.model.summary import graph_summary


def test_what_is_saved_is_loaded(tmp_path):
    canonical = canonical_graph(resnet_like())[0]
    plan = make_plan(canonical, random_feeds(canonical, 2))
    nodes = nodes_of(graph_summary(canonical), plan)
    assert nodes.float_reasons == plan.float_nodes
    assert nodes.nodes[0] == CanonicalNode("stem_node", "Conv", ("input",), (canonical.graph.node[0].output[0],))
    save_nodes(nodes, tmp_path / "model.onnx")
    assert load_nodes(tmp_path / "model.onnx") == nodes


@pytest.mark.parametrize("content", [None, "", "{}", '{"nodes": [[1]], "float_reasons": {}}', "[]"])
def test_a_missing_or_damaged_list_is_a_model_error(tmp_path, content):
    if content is not None:
        (tmp_path / "model.onnx.nodes.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.onnx\.nodes\.json"):
        load_nodes(tmp_path / "model.onnx")
