"""Engine-inspector JSON becomes placement. All fixtures are handmade in the documented forms; none came from a GPU.

Forms: TensorRT 10 ("Format/Datatype" as one text), TensorRT 11 ("Format" and "DataType" apart), and names alone, as an
engine without detailed profiling verbosity gives.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from workbench_plugins.ort_tensorrt.layers import (
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
