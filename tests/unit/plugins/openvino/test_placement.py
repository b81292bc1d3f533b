"""Mapping OpenVINO's ops to nodes, on hand-written runtime models."""

from __future__ import annotations

from dataclasses import replace

import pytest
from workbench_plugins.openvino.artifact import ArtifactGraph, ArtifactNode
from workbench_plugins.openvino.placement import (
    RuntimeOp,
    linear_layers_in_subgraphs,
    not_float32,
    place,
    precision_of,
)

CONV = RuntimeOp(
    name="conv/WithoutBiases",
    layer="Convolution",
    kernel="brgconv_avx512_I8",
    precision="u8",
    originals=("conv/WithoutBiases", "conv", "relu", "relu__quantize"),
    input_precisions=("u8", "i8", "f32"),
    activation_precisions=("u8",),
    output_precisions=("u8",),
)
COPY = RuntimeOp("x_abcd_acdb", "Reorder", "jit_uni_I8", "u8", ("",), ("u8",), ("u8",), ("u8",))
SOFTMAX = RuntimeOp("y", "Softmax", "jit_avx512_f32", "f32", ("y",), ("f32",), ("f32",), ("f32",))
CONSTANT = RuntimeOp("w", "Const", "unknown_i8", "i8", ("w",), output_precisions=("i8",), is_constant=True)
GRAPH = ArtifactGraph(
    nodes=(
        ArtifactNode("conv", "Conv", ("x",), ("a",), quantized=True),
        ArtifactNode("relu", "Relu", ("a",), ("b",), quantized=False),
        ArtifactNode("clip", "Clip", ("b",), ("c",), quantized=True),
        ArtifactNode("softmax", "Softmax", ("c",), ("y",), quantized=False),
    ),
    inputs=("x",),
    outputs=("y",),
)


def test_every_node_is_placed_once_and_added_ops_have_no_node() -> None:
    placements = place(GRAPH, [CONSTANT, COPY, CONV, SOFTMAX], {CONV.name: 0.7, COPY.name: 0.1, "y": 0.2}, int8=True)
    assert [item.node for item in placements] == ["conv", "relu", "clip", "softmax", ""]
    by_node = {item.node: item for item in placements}
    assert by_node["conv"].op_type == "Convolution brgconv_avx512_I8"
    assert (by_node["conv"].precision, by_node["conv"].fused_into, by_node["conv"].time_share) == ("int8", "", 0.7)
    assert (by_node["relu"].precision, by_node["relu"].fused_into) == ("int8", CONV.name)
    assert by_node["relu"].time_share is None
    assert sum(item.time_share or 0.0 for item in placements) == pytest.approx(1.0)


def test_a_node_without_an_op_names_the_one_that_swallowed_it() -> None:
    clip = place(GRAPH, [CONV, SOFTMAX], {}, int8=True)[2]
    assert (clip.op_type, clip.fused_into, clip.precision) == (
        "removed",
        CONV.name,
        "int8",
    ) or clip.fused_into == "relu"
    assert "merged" in clip.reason


def test_an_op_that_bears_an_output_tensors_name_is_the_node_that_makes_it() -> None:
    softmax = place(GRAPH, [CONV, SOFTMAX], {}, int8=True)[3]
    assert softmax.op_type == "Softmax jit_avx512_f32"
    assert softmax.precision == "fp32"
    assert softmax.reason == "no quantized input in the artifact"


def test_float_ops_need_no_reason_in_a_float_model() -> None:
    assert all(not item.reason for item in place(GRAPH, [CONV, SOFTMAX], {}, int8=False) if item.op_type != "removed")


def test_a_conv_whose_batch_normalization_was_folded_is_found_behind_itself() -> None:
    graph = ArtifactGraph(
        (
            ArtifactNode("conv", "Conv", ("x",), ("a",), False),
            ArtifactNode("norm", "BatchNormalization", ("a",), ("y",), False),
        ),
        ("x",),
        ("y",),
    )
    folded = replace(CONV, name="Multiply_7", originals=("Multiply_7", "norm"))
    conv, norm = place(graph, [folded], {"Multiply_7": 1.0}, int8=False)
    assert conv.op_type == norm.op_type == "Convolution brgconv_avx512_I8"
    assert (conv.fused_into, conv.time_share, norm.time_share) == ("norm", None, 1.0)


def test_recurrent_ops_lose_their_names_and_are_paired_in_order() -> None:
    graph = ArtifactGraph(
        (ArtifactNode("one", "LSTM", ("x",), ("a",), False), ArtifactNode("two", "LSTM", ("a",), ("y",), False)),
        ("x",),
        ("y",),
    )
    ops = [RuntimeOp(f"LSTMSequence_{i}", "RNNSeq", "ref_any_f32", "f32", ("",), ("f32", "f32")) for i in (26, 27)]
    placements = place(graph, ops, {"LSTMSequence_26": 0.25, "LSTMSequence_27": 0.75}, int8=False)
    assert [(item.node, item.time_share) for item in placements] == [("one", 0.25), ("two", 0.75)]


@pytest.mark.parametrize(
    ("inputs", "precision", "expected"),
    [
        (("u8", "i8", "f32"), "u8", "int8"),
        (("i8", "i8"), "i8", "int8"),
        (("u8", "f32"), "u8", "fp32"),
        (("f32", "i8"), "f32", "fp32"),
        (("bf16", "bf16"), "bf16", "bf16"),
    ],
)
def test_a_conv_is_int8_only_with_integer_data_and_weights(
    inputs: tuple[str, ...], precision: str, expected: str
) -> None:
    assert precision_of(replace(CONV, input_precisions=inputs, precision=precision)) == expected


def test_an_op_that_reads_integers_and_writes_floats_is_float() -> None:
    assert precision_of(COPY) == "int8"
    assert precision_of(replace(COPY, output_precisions=("f32",))) == "fp32"


def test_bf16_and_eight_bit_arithmetic_depart_from_float32_but_copies_and_indices_do_not() -> None:
    bf16 = replace(CONV, name="bad", precision="bf16", input_precisions=("bf16", "bf16"))
    indices = RuntimeOp("shape", "Reshape", "unknown", "i64", ("shape",), ("i64",), ("i64",), ("i64",))
    assert [op.name for op in not_float32([bf16, CONV, COPY, SOFTMAX, indices, CONSTANT])] == ["bad", CONV.name]


@pytest.mark.parametrize(("quantized", "expected"), [(True, "unknown"), (False, "fp32")])
def test_a_product_that_no_op_names_never_counts_as_int8(quantized: bool, expected: str) -> None:
    lost = ArtifactNode("lost", "MatMul", ("b",), ("y",), quantized)
    graph = ArtifactGraph((*GRAPH.nodes[:2], lost), ("x",), ("y",))
    placed = place(graph, [CONV], {}, int8=True)[2]
    assert (placed.node, placed.precision, placed.fused_into) == ("lost", expected, CONV.name)


def test_only_linear_layers_with_a_constant_in_a_subgraph_are_named() -> None:
    nodes = (
        ArtifactNode("fc1", "Gemm", ("x",), ("a",), quantized=True),
        ArtifactNode("fc2", "MatMul", ("a",), ("b",), quantized=True),
        ArtifactNode("scores", "MatMul", ("b", "a"), ("c",), quantized=True),
        ArtifactNode("act", "Relu", ("c",), ("y",), quantized=False),
    )
    graph = ArtifactGraph(nodes, ("x",), ("y",))
    merged = RuntimeOp("y", "Subgraph", "jit_avx512_f32", "f32", ("fc1/WithoutBiases", "fc2", "scores", "act"))
    assert linear_layers_in_subgraphs(graph, [merged]) == ["fc1", "fc2"]
    assert linear_layers_in_subgraphs(graph, [replace(merged, layer="FullyConnected")]) == []
