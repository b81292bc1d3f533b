"""Names kept and mapped, the whole list of refusals up front, inputs and outputs as Core ML takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, quiet_coremltools
from onnx import parser
from workbench_plugins.coreml.frontend.convert import convert, unsupported

from workbench.errors import ModelError

NET = """<ir_version: 9, opset_import: ["" : 17]>
net (float[1,2,4,4] image) => (float[1,2,4,4] out, float[1,2,4,4] same)
{ hidden:0 = Relu(image)  out = Sigmoid(hidden:0)  same = Identity(hidden:0) }"""


def parsed(text: str):
    return parser.parse_model(text)


def renamed(old: str, new: str, text: str = NET) -> str:
    return text.replace(old, new)


def test_names_of_tensors_are_kept_and_unfit_ones_mapped() -> None:
    quiet_coremltools()
    model = parsed(renamed("hidden:0", "hidden"))
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = model.graph.node[2].input[0] = "hidden:0"
    for node, name in zip(model.graph.node, ("first", "second", "third"), strict=True):
        node.name = name
    converted = convert(model, "iOS17")
    assert converted.tensor_names["hidden:0"] == "hidden_0"
    assert converted.inputs == {"image": "image"}
    assert converted.outputs == {"out": "out", "same": "same"}
    assert converted.node_ops == {"first": ("hidden_0",), "second": ("out",), "third": ()}
    ops = {op.name: op.outputs[0].name for op in converted.program.functions["main"].operations}
    assert ops["hidden_0"] == "hidden_0"


def test_every_call_builds_a_program_of_its_own() -> None:
    quiet_coremltools()
    model = parsed(renamed("hidden:0", "hidden"))
    before = model.SerializeToString()
    assert convert(model, "iOS17").program is not convert(model, "iOS17").program
    assert model.SerializeToString() == before


def test_all_refusals_are_listed_at_once_and_the_error_names_the_first() -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["" : 17]>
        net (float[1,2,8,8] x, float[4] v) => (z)
        { y, places = MaxPool <kernel_shape=[2,2]> (x)  w = NonZero(v)  z = Relu(y) }"""
    )
    for node, name in zip(model.graph.node, ("pool", "nonzero", "relu"), strict=True):
        node.name = name
    found = unsupported(model)
    assert [(item.node, item.op_type) for item in found] == [("pool", "MaxPool"), ("nonzero", "NonZero")]
    assert "indices" in found[0].why
    assert all(item.remedy for item in found)
    with pytest.raises(ModelError, match=r"2 of .*'pool' \(MaxPool\)"):
        convert(model, "iOS17")


def test_what_lacks_a_shape_because_an_input_does_is_not_listed() -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["" : 17]>
        net (float[1,2,H,W] x, float[4] v) => (z) { y = Relu(x)  w = NonZero(v)  z = Sigmoid(y) }"""
    )
    found = unsupported(model)
    assert [(item.node, item.op_type) for item in found] == [("x", "input"), ("w", "NonZero")]
    assert "make_dynamic_shape_fixed --input_name x" in found[0].remedy


def test_an_unknown_domain_is_named() -> None:
    model = parsed(renamed("hidden:0", "hidden"))
    model.graph.node[0].domain = "com.microsoft"
    assert next(item.op_type for item in unsupported(model)) == "com.microsoft.Relu"


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ModelError, match="iOS3"):
        convert(parsed(renamed("hidden:0", "hidden")), "iOS3")


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.uint8, np.float16, np.float64])
def test_inputs_and_outputs_of_other_types_come_and_go_as_core_ml_has_them(dtype: type, tmp_path: Path) -> None:
    values = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    assert_agrees(one_node("Transpose", [values]), tmp_path)


def test_a_number_without_axes_goes_through(tmp_path: Path) -> None:
    model, feeds = one_node("Sqrt", [np.array(4, np.float32)])
    assert_agrees((model, feeds), tmp_path)
    assert sum("shape [1]" in words for words in convert(model, "iOS17").rewritten) == 2


def test_an_input_that_is_an_output_and_a_constant_output_have_their_own_ops(tmp_path: Path) -> None:
    assert_agrees(one_node("Identity", [normal(2, 3)]), tmp_path)
    assert_agrees(one_node("Sum", [normal(3), normal(3, seed=1)], constants=(1,)), tmp_path)


@pytest.mark.parametrize("shape", [(1,) * 6, (0, 3)])
def test_an_input_that_core_ml_cannot_have_is_refused(shape: tuple[int, ...]) -> None:
    model, _ = one_node("Relu", [np.zeros(shape, np.float32)])
    assert {item.op_type for item in unsupported(model)} == {"input", "Relu"}
