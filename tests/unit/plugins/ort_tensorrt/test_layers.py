"""Engine-inspector JSON becomes placement. All fixtures are handmade; none came from a GPU.

Their field names, types and nesting are those of real files:
TensorRT 8: NVIDIA/TensorRT at tag v9.1.0, tools/experimental/trt-engine-explorer/tests/inputs/*.engine.graph.json
(Apache-2.0): no "Metadata", a layer's nodes stand in its name, copies carry the name of the layer they copy for.
TensorRT 8.6 to 10: yuanjiechen/trt2023, layerinfo.json, and NVIDIA/TensorRT issue 4020: "Metadata" with the bytes 1e
and 1f between nodes, empty for copies; Eternal-Raiden-Ying/i-vit-srtp, layer_info.json: layers "kgen" and "gemm".
TensorRT 11: "Format" and "DataType" apart, as NVIDIA's migration guide of the inspector documents them.
Names alone: what an engine without detailed profiling verbosity gives.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from workbench_plugins.ort_tensorrt.layers import (
    ENDS_ONLY,
    FLOAT_LAYER,
    NAMES_ONLY,
    NOT_LISTED,
    Layer,
    placements_of,
    read_layers,
)

from workbench.errors import ModelError

NODES = [("conv1", "Conv"), ("relu1", "Relu"), ("pool", "MaxPool"), ("fc", "Gemm"), ("softmax", "Softmax")]
SEPARATOR = "\x1e"


def layer10(name: str, kind: str, nodes: list[str], text: str) -> dict[str, Any]:
    metadata = SEPARATOR.join(f"[ONNX Layer: {node}]" for node in nodes)
    tensor = {"Name": "t", "Location": "Device", "Dimensions": [1, 8], "Format/Datatype": text}
    return {"Name": name, "LayerType": kind, "Inputs": [tensor], "Outputs": [tensor], "Metadata": metadata}


def layer11(name: str, kind: str, nodes: list[str], data_type: str) -> dict[str, Any]:
    made = layer10(name, kind, nodes, "")
    made["Inputs"] = [{"Name": "t", "Format": "Row major linear (kLINEAR)", "DataType": data_type}]
    return made


HANDMADE_10 = json.dumps(
    {
        "Layers": [
            layer10("input__quantize", "Reformat", ["input__quantize"], "Row major linear FP32"),
            layer10(
                "conv1_w + conv1 + relu1", "CaskConvolution", ["conv1__dequantize", "conv1", "relu1"],
                "Thirty-two wide channel vectorized row major Int8 format",
            ),
            layer10("pool", "CaskPooling", ["pool"], "Four wide channel vectorized row major Int8 format"),
            layer10("fc", "CaskGemmMatrixMultiply", ["fc"], "Channel major FP16 format where channel % 8 == 0"),
        ],
        "Bindings": ["input", "logits"],
    }
)  # fmt: skip
HANDMADE_11 = json.dumps(
    {
        "Layers": [
            layer11("conv1 + relu1", "CaskConvolution", ["conv1", "relu1"], "Int8"),
            layer11("fc", "gemm", ["fc", "softmax"], "Float"),
        ],
        "I/O Tensors": [],
    }
)
WIDE = "Thirty-two wide channel vectorized row major {} format"


def layer8(name: str, kind: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    ends = {
        key: [{"Name": key, "Location": "Device", "Dimensions": [1, 32, 8, 8], "Format/Datatype": text}]
        for key, text in (("Inputs", before), ("Outputs", after))
    }
    return {"Name": name, "LayerType": kind, **ends, **more, "TacticValue": "0x0000000000000001"}


def convolution(weights: str) -> dict[str, Any]:
    return {
        "ParameterType": "Convolution", "Kernel": [3, 3], "OutMaps": 32, "Groups": 1,
        "Weights": {"Type": weights, "Count": 864}, "Bias": {"Type": "Float", "Count": 32}, "HasSparseWeights": 0,
        "Activation": "RELU", "HasBias": 1, "HasReLU": 1, "TacticName": "handmade_tactic",
    }  # fmt: skip


HANDMADE_8 = json.dumps(
    {
        "Layers": [
            layer8("input_q", "Reformat", "Row major linear FP32", "Four wide channel vectorized row major Int8 format",
                   ParameterType="Reformat", Origin="QDQ"),
            layer8("conv1.weight + conv1_wq + conv1 + PWN(relu1)", "CaskConvolution", WIDE.format("Int8"),
                   WIDE.format("Int8"), **convolution("Int8")),
            layer8("Reformatting CopyNode for Input Tensor 0 to pool + softmax", "Reformat", WIDE.format("Int8"),
                   WIDE.format("FP16"), ParameterType="Reformat", Origin="REFORMAT"),
            layer8("pool", "TiledPooling", WIDE.format("FP16"), WIDE.format("FP16")),
            layer8("fc.weight + fc_wq + fc + fc.bias + (Unnamed Layer* 9) [Shuffle]", "CaskConvolution",
                   WIDE.format("Int8"), "Row major linear FP32", **convolution("Int8")),
        ],
        "Bindings": ["input", "logits"],
    }
)  # fmt: skip
HANDMADE_NAMES = json.dumps({"Layers": ["Reformatting CopyNode for Input", "conv1 + relu1", "PWN(PWN(pool))", "fc"]})


def rows(text: str, float_reasons: dict[str, str] | None = None) -> dict[str, Any]:
    found = placements_of(NODES, read_layers(text), "CUDA:0", float_reasons or {})
    assert [item.node for item in found if item.node] == [name for name, _ in NODES]
    return {item.node: item for item in found if item.node}


def test_layers_of_tensorrt_10() -> None:
    found = read_layers(HANDMADE_10)
    assert found[1] == Layer(
        "conv1_w + conv1 + relu1", "CaskConvolution", ("conv1__dequantize", "conv1", "relu1"), "int8"
    )
    assert [layer.precision for layer in found] == ["fp32", "int8", "int8", "fp16"]


def test_nodes_get_precision_kernel_and_fusion() -> None:
    found = rows(HANDMADE_10)
    assert (found["conv1"].precision, found["conv1"].op_type) == ("int8", "CaskConvolution")
    assert found["relu1"].fused_into == "conv1_w + conv1 + relu1"
    assert found["pool"].precision == "int8"
    assert (found["fc"].precision, found["fc"].reason) == ("fp16", FLOAT_LAYER)
    assert (found["softmax"].precision, found["softmax"].reason) == ("unknown", NOT_LISTED)


def test_a_layer_of_none_of_the_nodes_is_listed_by_itself() -> None:
    found = [item for item in placements_of(NODES, read_layers(HANDMADE_10), "CUDA:0", {}) if not item.node]
    assert [(item.op_type, item.precision) for item in found] == [("Reformat", "fp32")]


def test_layers_of_tensorrt_11() -> None:
    found = rows(HANDMADE_11, {"fc": "excluded by name"})
    assert found["conv1"].precision == "int8"
    assert (found["fc"].precision, found["fc"].reason) == ("fp32", "excluded by name")
    assert found["softmax"].fused_into == "fc"


def test_layers_of_tensorrt_8_name_their_nodes_in_their_own_names() -> None:
    found = rows(HANDMADE_8)
    assert (found["conv1"].precision, found["conv1"].op_type) == ("int8", "CaskConvolution")
    assert found["relu1"].fused_into == "conv1.weight + conv1_wq + conv1 + PWN(relu1)"
    assert (found["pool"].precision, found["pool"].op_type) == ("fp16", "TiledPooling")
    assert found["fc"].precision == "int8", "an int8 product whose result leaves as float"
    assert found["softmax"].reason == NOT_LISTED, "a copy stands for none of the nodes in its name"
    added = [item for item in placements_of(NODES, read_layers(HANDMADE_8), "CUDA:0", {}) if not item.node]
    assert [(item.op_type, item.precision) for item in added] == [("Reformat", "fp32"), ("Reformat", "fp16")]


def fused(before: str, after: str, *nodes: str, kind: str = "kgen") -> dict[str, Any]:
    """A layer of TensorRT 10's fusing back end."""
    return {
        "Name": f"__myl_{len(nodes)}_myl0_0", "LayerType": kind,
        "Inputs": [{"Name": "a", "Dimensions": [-1, 16], "Format/Datatype": before}],
        "Outputs": [{"Name": "b", "Dimensions": [-1, 16], "Format/Datatype": after}],
        "TacticName": "handmade", "StreamId": 0, "Metadata": "\x1f".join(f"[ONNX Layer: {node}]" for node in nodes),
    }  # fmt: skip


def test_a_product_counts_before_what_only_changes_its_operands_type() -> None:
    layers = [fused("Float", "Int8", "fc", "fc__q"), fused("Int8", "Float", "fc", "softmax", "relu1", kind="gemm")]
    found = rows(json.dumps({"Layers": layers}))
    assert (found["fc"].op_type, found["fc"].precision) == ("gemm", "int8")
    first = placements_of(NODES, read_layers(json.dumps(layers)), "CUDA:0", {})[-1]
    assert (first.node, first.op_type, first.precision) == ("", "kgen", "fp32")


def test_a_layer_that_dequantizes_and_multiplies_nothing_computes_in_float() -> None:
    found = rows(json.dumps([fused("Int8", "Float", "relu1__dq", "softmax"), fused("Int8", "Int8", "pool")]))
    assert (found["softmax"].precision, found["pool"].precision) == ("fp32", "int8")


def test_int8_at_both_ends_is_no_proof_for_a_node_that_the_plan_leaves_in_float() -> None:
    layers = json.dumps([fused("Int8", "Int8", "softmax", "pool"), fused("Int8", "Int8", "fc", kind="gemm")])
    found = rows(layers, {"softmax": "float island", "fc": "excluded by name"})
    assert (found["softmax"].precision, found["softmax"].reason) == ("unknown", f"float island; {ENDS_ONLY}")
    assert found["pool"].precision == found["fc"].precision == "int8"


@pytest.mark.parametrize("separator", ["\x1e", "\x1f", ""])
def test_nodes_of_a_layer_are_told_apart(separator: str) -> None:
    made = layer10("x", "CaskConvolution", [], "Int8")
    made["Metadata"] = separator.join(["[ONNX Layer: a/b]", "[ONNX Layer: c d]"])
    assert read_layers(json.dumps([made]))[0].nodes == ("a/b", "c d")


def test_names_alone_tell_fusions_and_no_precision() -> None:
    found = rows(HANDMADE_NAMES)
    assert (found["conv1"].precision, found["conv1"].reason) == ("unknown", NAMES_ONLY)
    assert found["relu1"].fused_into == "conv1 + relu1"
    assert found["pool"].reason == NAMES_ONLY


@pytest.mark.parametrize(
    ("words", "expected"),
    [("Int8", "int8"), ("Half", "fp16"), ("BFloat16", "bf16"), ("Float", "fp32"), ("Int32", "int32"), ("Bool", "bool")],
)
def test_element_types(words: str, expected: str) -> None:
    assert read_layers(json.dumps([layer11("x", "Y", [], words)]))[0].precision == expected


def test_a_layer_without_inputs_has_no_precision() -> None:
    made = layer10("constant", "Constant", ["c"], "")
    made["Inputs"] = []
    assert read_layers(json.dumps([made]))[0].precision == ""


@pytest.mark.parametrize("text", ["", "{}", '{"Layers": 3}', '{"Layers": [3]}', '{"Layers": [{"LayerType": "x"}]}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="layer information cannot be read"):
        read_layers(text)
