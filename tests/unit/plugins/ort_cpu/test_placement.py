"""Placements: one per node, with a reason for every float node between integer ones."""

from __future__ import annotations

from workbench_plugins.ort_cpu.canonical_nodes import CanonicalNode, CanonicalNodes
from workbench_plugins.ort_cpu.optimized import Kernel
from workbench_plugins.ort_cpu.placement import placements

NODES = (
    CanonicalNode("first", "Sub", ("x",), ("s",)),
    CanonicalNode("a", "Conv", ("s",), ("a_out",)),
    CanonicalNode("gelu", "Gelu", ("a_out",), ("g",)),
    CanonicalNode("up", "ConvTranspose", ("g",), ("u",)),
    CanonicalNode("b", "Conv", ("u",), ("b_out",)),
    CanonicalNode("last", "Softmax", ("b_out",), ("y",)),
)
KERNELS = (
    Kernel("first", "Sub", ("x",), ("s",), False),
    Kernel("s__quantize", "QuantizeLinear", ("s",), ("s__quantized",), False),
    Kernel("a", "QLinearConv", ("s__quantized",), ("a_out__quantized",), True),
    Kernel("gelu", "Gelu", ("a_out",), ("g",), False),
    Kernel("up", "ConvTranspose", ("g",), ("u",), False),
    Kernel("b", "QLinearConv", ("u__quantized",), ("b_out__quantized",), True),
    Kernel("last", "Softmax", ("b_out",), ("y",), False),
)
REASONS = {"gelu": "excluded by the scheme", "last": "a float island"}


def test_every_node_once_and_every_float_node_with_its_reason():
    placed = placements(CanonicalNodes(NODES, REASONS), KERNELS, {"a": 0.75, "s__quantize": 0.25})
    assert [item.node for item in placed] == ["first", "a", "gelu", "up", "b", "last", ""]
    assert {item.node: item.reason for item in placed if item.node} == {
        "first": "before the first INT8 layer",
        "a": "",
        "gelu": "excluded by the scheme",
        "up": "no integer kernel for this op in ONNX Runtime",
        "b": "",
        "last": "after the last INT8 layer; a float island",
    }
    assert [item.precision for item in placed] == ["fp32", "int8", "fp32", "fp32", "int8", "fp32", "fp32"]
    assert [item.time_share for item in placed] == [None, 0.75, None, None, None, None, 0.25]


def test_a_planned_convolution_that_ran_in_float_says_what_the_integer_kernel_needs():
    nodes = (CanonicalNode("a", "Conv", ("x",), ("c",)), CanonicalNode("b", "Conv", ("c",), ("y",)))
    kernels = (
        Kernel("x__quantize", "QuantizeLinear", ("x",), ("x__quantized",), False),
        Kernel("a", "QLinearConv", ("x__quantized",), ("c__quantized",), True),
        Kernel("b", "Conv", ("c__dequantized",), ("y",), False),
    )
    reason = placements(CanonicalNodes(nodes), kernels, {})[1].reason
    assert reason.startswith("after the last INT8 layer; ONNX Runtime's integer kernel needs")
    excluded = CanonicalNodes(nodes, {"b": "excluded by name"})
    assert placements(excluded, kernels, {})[1].reason == "after the last INT8 layer; excluded by name"


def test_a_float_graph_needs_no_reasons():
    kernels = tuple(Kernel(node.name, node.op_type, node.inputs, node.outputs, False) for node in NODES)
    assert {item.reason for item in placements(CanonicalNodes(NODES), kernels, {})} == {""}


def test_a_convolution_that_cannot_be_found_is_unknown_and_a_lost_identity_is_removed():
    nodes = (CanonicalNode("a", "Conv", ("x",), ("c",)), CanonicalNode("p", "Identity", ("q",), ("y",)))
    placed = placements(CanonicalNodes(nodes), (), {})
    assert [item.precision for item in placed] == ["unknown", "fp32"]
    assert [item.reason for item in placed] == [
        "not found in the graph that ONNX Runtime built",
        "removed by ONNX Runtime's optimizer",
    ]


def test_fused_nodes_name_the_kernel():
    nodes = (CanonicalNode("c", "Conv", ("x",), ("c",)), CanonicalNode("r", "Relu", ("c",), ("y",)))
    kernels = (Kernel("fused c", "FusedConv", ("x",), ("y",), False),)
    conv, relu = placements(CanonicalNodes(nodes), kernels, {"fused c": 1.0})
    assert (conv.op_type, conv.fused_into, conv.time_share) == ("FusedConv", "", 1.0)
    assert (relu.op_type, relu.fused_into, relu.time_share) == ("Relu", "fused c", None)
