"""A test per rule on Q/DQ files: one change breaks one rule, the file of the plan breaks none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net, depthwise_net, random_feeds, resnet_like
from helpers.plans import make_plan
from onnx import helper, numpy_helper
from workbench_plugins.ort_tensorrt import file_rules as rules
from workbench_plugins.ort_tensorrt.runtime import DIALECT

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.quant.dialect import Dialect
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme


def lowered(net: Callable[[], Any] = conv_relu_net, dialect: Dialect = DIALECT, scheme: str = "S1") -> onnx.ModelProto:
    canonical = canonical_graph(net())[0]
    return write_qdq(canonical, make_plan(canonical, random_feeds(canonical, 2), Scheme(name=scheme)), dialect)  # type: ignore[arg-type]


def set_constant(model: onnx.ModelProto, name: str, value: Any) -> None:
    next(item for item in model.graph.initializer if item.name == name).CopyFrom(
        numpy_helper.from_array(np.asarray(value), name)
    )


def constant_of(model: onnx.ModelProto, suffix: str) -> onnx.TensorProto:
    return next(item for item in model.graph.initializer if item.name.endswith(suffix))


def node_of(model: onnx.ModelProto, op_type: str, *, of_constant: bool | None = None) -> onnx.NodeProto:
    constants = {item.name for item in model.graph.initializer}
    return next(
        node
        for node in model.graph.node
        if node.op_type == op_type and of_constant in (None, node.input[0] in constants)
    )


def computed(model: onnx.ModelProto, index: int) -> None:
    """Let an Identity stand before one input of the first QuantizeLinear."""
    node = node_of(model, "QuantizeLinear")
    model.graph.node.insert(0, helper.make_node("Identity", [node.input[index]], ["at_run_time"], "compute"))
    node_of(model, "QuantizeLinear").input[index] = "at_run_time"


def other_zero_point(model: onnx.ModelProto) -> None:
    set_constant(model, node_of(model, "QuantizeLinear").input[2], np.int8(3))


def negative_scale(model: onnx.ModelProto) -> None:
    set_constant(model, node_of(model, "DequantizeLinear", of_constant=True).input[1], np.full(8, -1.0, np.float32))


def fewer_scales(model: onnx.ModelProto) -> None:
    node = node_of(model, "DequantizeLinear", of_constant=True)
    set_constant(model, node.input[1], np.ones(3, np.float32))
    set_constant(model, node.input[2], np.zeros(3, np.int8))


def uint8_activations(model: onnx.ModelProto) -> None:
    for item in model.graph.initializer:
        if item.name.endswith("__zero_point") and not item.dims:
            item.CopyFrom(numpy_helper.from_array(np.uint8(0), item.name))


def activation_scales(model: onnx.ModelProto) -> None:
    node = node_of(model, "QuantizeLinear")
    set_constant(model, node.input[1], np.ones(3, np.float32))
    set_constant(model, node.input[2], np.zeros(3, np.int8))


def new_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 26


def clip_on_codes(model: onnx.ModelProto) -> None:
    node = node_of(model, "DequantizeLinear", of_constant=False)
    source = node.input[0]
    node.input[0] = "clipped"
    model.graph.node.append(helper.make_node("Clip", [source], ["clipped"], "clip_on_codes"))


BROKEN: dict[rules.Rule, Callable[[onnx.ModelProto], None]] = {
    rules.zero_point_not_zero: other_zero_point,
    rules.zero_point_not_constant: lambda model: computed(model, 2),
    rules.scale_not_constant: lambda model: computed(model, 1),
    rules.scale_not_positive: negative_scale,
    rules.codes_not_int8: uint8_activations,
    rules.activation_per_channel: activation_scales,
    rules.scales_of_other_count: fewer_scales,
    rules.op_on_codes: clip_on_codes,
    rules.opset_not_documented: new_opset,
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_one_change_breaks_one_rule(rule: rules.Rule) -> None:
    model = lowered()
    assert rules.judge_file(model) == []
    BROKEN[rule](model)
    found = rules.judge_file(model)
    assert {item.rule for item in found} >= {rule.__name__}
    mine = [item for item in found if item.rule == rule.__name__]
    names = {node.name for node in model.graph.node}
    assert all(item.node in names or rule is rules.opset_not_documented for item in mine)


def test_an_int32_bias_is_refused() -> None:
    found = rules.judge_file(lowered(dialect=Dialect(bias="int32")))
    assert {item.rule for item in found} == {"int32_dequantized"}
    assert "int32 bias" in found[0].reason


def test_every_rule_has_a_test_and_a_source() -> None:
    assert set(rules.RULES) == {*BROKEN, rules.int32_dequantized}
    assert all("Source: " in (rule.__doc__ or "") for rule in rules.RULES)


@pytest.mark.parametrize("net", [conv_relu_net, depthwise_net, resnet_like])
def test_s1_in_this_dialect_is_legal_under_both_versions(net: Any) -> None:
    model = lowered(net)
    assert rules.judge_file(model, 10) == rules.judge_file(model, 11) == []


@pytest.mark.parametrize(
    ("dialect", "scheme", "expected"),
    [
        (Dialect(activation="uint8"), "S1", {"codes_not_int8", "zero_point_not_zero"}),
        (Dialect(activation_function="integer_clip"), "S1", {"op_on_codes"}),
        (DIALECT, "S2", {"codes_not_int8", "zero_point_not_zero"}),
    ],
    ids=["uint8", "clip on codes", "S2"],
)
def test_other_dialects_and_s2_are_illegal(dialect: Dialect, scheme: str, expected: set[str]) -> None:
    assert {item.rule for item in rules.judge_file(lowered(dialect=dialect, scheme=scheme))} == expected


def test_the_first_refusal_is_the_message() -> None:
    model = lowered(dialect=Dialect(bias="int32"))
    with pytest.raises(ModelError, match=r"m\.onnx would be refused by TensorRT: .*int32 bias.* more\)"):
        rules.check_file(model, "m.onnx")
    rules.check_file(lowered(), "m.onnx")
