"""Pairing canonical nodes with kernels."""

from __future__ import annotations

from workbench_plugins.ort_cpu.canonical_nodes import CanonicalNode
from workbench_plugins.ort_cpu.matching import match, neighbours, owners
from workbench_plugins.ort_cpu.optimized import Kernel

CONV = CanonicalNode("conv", "Conv", ("x",), ("c",))
RELU = CanonicalNode("relu", "Relu", ("c",), ("r",))
NEXT = CanonicalNode("next", "Conv", ("r",), ("y",))
NODES = (CONV, RELU, NEXT)


def kernel(name, op_type, inputs, outputs, is_integer=False):
    return Kernel(name, op_type, tuple(inputs), tuple(outputs), is_integer)


def names(found):
    return {node: item.name for node, item in found.items()}


def test_by_name_whatever_the_tensors_are_called():
    kernels = (
        kernel("conv_token_3", "QLinearConv", ["q"], ["conv"], True),
        kernel("relu", "Clip", ["conv"], ["relu"], True),
        kernel("next_token_5", "QLinearConv", ["relu"], ["next"], True),
    )
    assert names(match(NODES, kernels)) == {"conv": "conv_token_3", "relu": "relu", "next": "next_token_5"}


def test_a_fused_activation_goes_to_the_kernel_that_writes_its_output_through_layout_ops():
    kernels = (
        kernel("r_nchwc", "Conv", ["x"], ["blocked"]),
        kernel("ReorderOutput", "ReorderOutput", ["blocked"], ["r"]),
        kernel("y_nchwc", "Conv", ["r"], ["y"]),
    )
    found = match(NODES, kernels)
    assert names(found) == {"conv": "r_nchwc", "relu": "r_nchwc", "next": "y_nchwc"}
    assert owners(NODES, found) == {"r_nchwc": "conv", "y_nchwc": "next"}


def test_a_convolution_is_never_credited_with_another_ones_kernel():
    kernels = (kernel("next", "QLinearConv", ["r__quantized"], ["y__quantized"], True),)
    found = match(NODES, kernels)
    assert "conv" not in found
    assert names(found)["next"] == "next"


def test_a_convolution_is_not_fused_into_a_kernel_of_another_kind():
    kernels = (kernel("relu", "Clip", ["c"], ["r"]), kernel("next", "Conv", ["r"], ["y"]))
    assert names(match(NODES, kernels)) == {"relu": "relu", "next": "next"}


def test_a_transpose_of_the_model_is_not_mistaken_for_an_added_one():
    node = CanonicalNode("Transpose", "Transpose", ("x",), ("t",))
    kernels = (
        kernel("Transpose_token_1", "Transpose", ["x"], ["layout"]),
        kernel("Transpose", "Transpose", ["layout"], ["t"]),
    )
    assert names(match((node,), kernels)) == {"Transpose": "Transpose"}


def test_what_follows_a_transpose_of_the_model_is_fused_into_the_transpose():
    transpose = CanonicalNode("tr", "Transpose", ("c",), ("t",))
    flatten = CanonicalNode("flat", "Flatten", ("t",), ("f",))
    kernels = (kernel("conv", "Conv", ["x"], ["c"]), kernel("tr_token_2", "Transpose", ["c"], ["f"]))
    assert names(match((CONV, transpose, flatten), kernels)) == {
        "conv": "conv",
        "tr": "tr_token_2",
        "flat": "tr_token_2",
    }


def test_a_node_that_nothing_is_left_of_is_absent():
    alone = CanonicalNode("pass", "Identity", ("x",), ("p",))
    assert match((alone,), ()) == {}


def test_neighbours_in_both_directions():
    assert neighbours(NODES, forward=True) == {"conv": ("relu",), "relu": ("next",), "next": ()}
    assert neighbours(NODES, forward=False) == {"conv": (), "relu": ("conv",), "next": ("relu",)}
