"""Whole programs: against ONNX Runtime, rounding to float16, watched and forced values, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import mlpackages as ml
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.package.read import read_package

from workbench.errors import DataError, ModelError

HARMFUL = ["common::int_op_canonicalization", "common::distributive_quantized_binary_op_scale_normalization"]
SHAPE = (1, 4, 6, 6)
CODES = np.random.default_rng(0).integers(-127, 128, (5, 4, 3, 3)).astype(np.int8)
SCALES = np.linspace(0.01, 0.05, 5).astype(np.float16).astype(np.float32)
STEP = np.float32(0.0625)


def hand_made(tmp_path: Path, operations: list[bytes], outputs: list[str], **options: Any) -> Evaluator:
    return Evaluator(read_package(ml.write_package(tmp_path / "a.mlpackage", ml.model(operations, outputs))), **options)


def op(op_type: str, output: str, dtype: int = ml.FLOAT32, **inputs: str) -> bytes:
    return ml.operation(op_type, inputs, [ml.variable(output, dtype)])


def quantized_conv(mb: Any, x: Any, target: str) -> Any:
    """conv(dq(q(x)), weights of 8 bits) -> relu -> q -> dq, as a plan is lowered."""
    step, zero = STEP, np.int8(0)
    q = mb.quantize(input=x, scale=step, zero_point=zero, output_dtype="int8", name="x_q")
    given = mb.dequantize(input=q, scale=step, zero_point=zero)
    if target == "iOS17":
        weight = mb.constexpr_affine_dequantize(
            quantized_data=CODES, scale=SCALES, zero_point=np.zeros(5, np.int8), axis=np.int32(0)
        )
    else:
        weight = mb.constexpr_blockwise_shift_scale(data=CODES, scale=SCALES.reshape(5, 1, 1, 1))
    hidden = mb.relu(x=mb.conv(x=given, weight=weight, pad_type="same", name="hidden"))
    codes = mb.quantize(input=hidden, scale=step, zero_point=zero, output_dtype="int8", name="y_q")
    return mb.dequantize(input=codes, scale=step, zero_point=zero, name="y")


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
def test_a_quantized_conv_is_the_simulated_one(tmp_path: Path, target: str) -> None:
    pytest.importorskip("coremltools")
    path = ml.save(tmp_path / "a.mlpackage", lambda mb, x: quantized_conv(mb, x, target), {"x": SHAPE}, target)
    x = ml.random(*SHAPE)
    got = Evaluator(read_package(path)).run({"x": x}, watch=["x_q", "hidden", "y_q"])
    reals = np.clip(np.rint(x / STEP), -128, 127) * STEP
    weight = CODES.astype(np.float32) * SCALES.reshape(5, 1, 1, 1)
    hidden = onnx_results("Conv", [reals, weight], pads=[1, 1, 1, 1])[0]
    assert np.array_equal(got["x_q"] * STEP, reals)
    np.testing.assert_allclose(got["hidden"], hidden, rtol=1e-4, atol=1e-5)
    steps = np.abs(got["y_q"] - np.clip(np.rint(np.maximum(got["hidden"], 0) / STEP), -128, 127))
    assert steps.max() == 0
    assert np.array_equal(got["y"], got["y_q"] * STEP)


def reshaped(mb: Any, x: Any) -> Any:
    """A Reshape between two quantized regions of other scales."""
    zero = np.int8(0)
    codes = mb.quantize(input=x, scale=np.float32(0.5), zero_point=zero, output_dtype="int8")
    reals = mb.dequantize(input=codes, scale=np.float32(0.5), zero_point=zero)
    flat = mb.reshape(x=reals, shape=[1, 8], name="flat")
    codes = mb.quantize(input=flat, scale=np.float32(0.125), zero_point=zero, output_dtype="int8", name="flat_q")
    return mb.dequantize(input=codes, scale=np.float32(0.125), zero_point=zero, name="out")


@pytest.mark.parametrize(
    ("without", "right"),
    [(HARMFUL, True), (HARMFUL[:1], True), (HARMFUL[1:], False), ([], False)],
    ids=["ours", "without that pass", "without the other pass", "default pipeline"],
)
def test_the_miscompiled_reshape_is_caught(tmp_path: Path, without: list[str], right: bool) -> None:
    """One default pass takes the first scale's codes for the second's: the evaluator's answers show it."""
    pytest.importorskip("coremltools")
    path = ml.save(tmp_path / "a.mlpackage", reshaped, {"x": (1, 2, 4)}, without=without)
    x = ml.random(1, 2, 4)
    got = Evaluator(read_package(path)).run({"x": x})["out"]
    expected = np.clip(np.rint(np.rint(x / 0.5) * 0.5 / 0.125), -128, 127) * np.float32(0.125)
    assert np.array_equal(got, expected.reshape(1, 8)) is right


def test_float16_programs_are_rounded_where_they_say_so(tmp_path: Path) -> None:
    pytest.importorskip("coremltools")

    def build(mb: Any, x: Any) -> Any:
        return mb.mul(x=mb.exp(x=x, name="power"), y=np.float32(0.1), name="out")

    path = ml.save(tmp_path / "a.mlpackage", build, {"x": (3, 50)}, precision="FLOAT16", without=HARMFUL)
    program, x = read_package(path), ml.random(3, 50)
    half = np.exp(x.astype(np.float16).astype(np.float32)).astype(np.float16)
    expected = (half.astype(np.float32) * np.float32(np.float16(0.1))).astype(np.float16)
    declared = Evaluator(program).run({"x": x})
    (name,) = declared
    assert np.array_equal(declared[name], expected.astype(np.float32))
    assert np.array_equal(Evaluator(program, "float16").run({"x": x})[name], declared[name])
    exact = Evaluator(program, "float32").run({"x": x})[name]
    np.testing.assert_allclose(exact, np.exp(x) * 0.1, rtol=1e-3)
    assert not np.array_equal(exact, declared[name])


def test_float32_programs_can_be_rounded_to_float16(tmp_path: Path) -> None:
    operations = [ml.const("w", ml.floats(0.1, 3)), op("mul", "y", x="x", y="w")]
    x = np.array([1.0, 1e5], np.float32)
    assert hand_made(tmp_path / "1", operations, ["y"]).run({"x": x})["y"].tolist() == [np.float32(0.1), 3e5]
    rounded = hand_made(tmp_path / "2", operations, ["y"], compute="float16").run({"x": x})["y"]
    assert rounded.tolist() == [np.float32(np.float16(0.1)), np.inf]


def test_watched_and_forced_values(tmp_path: Path) -> None:
    """A forced value goes to the readers; what was computed is what is watched."""
    operations = [op("relu", "a", x="x"), op("add", "b", x="a", y="a"), op("add", "c", x="b", y="a")]
    evaluator = hand_made(tmp_path, operations, ["c"])
    x = np.array([1.0, -1], np.float32)
    plain = evaluator.run({"x": x}, watch=["a", "b", "x"])
    assert {name: value.tolist() for name, value in plain.items()} == {
        "c": [3, 0],
        "a": [1, 0],
        "b": [2, 0],
        "x": [1, -1],
    }
    forced = evaluator.run({"x": x}, watch=["b"], forced={"b": np.array([10.0, 20])})
    assert forced["b"].tolist() == [2, 0]
    assert forced["c"].tolist() == [11, 20]


def test_values_are_forgotten_after_their_last_reader(tmp_path: Path) -> None:
    operations = [op("relu", "a0", x="x"), *(op("relu", f"a{place}", x=f"a{place - 1}") for place in range(1, 6))]
    evaluator = hand_made(tmp_path, operations, ["a5"])
    assert set(evaluator.run({"x": np.zeros(2)})) == {"a5"}
    assert evaluator._last_use == {"x": 0, **{f"a{place}": place + 1 for place in range(5)}}


def test_constants_can_be_outputs_and_are_watched(tmp_path: Path) -> None:
    evaluator = hand_made(tmp_path, [ml.const("w", ml.floats(1, 2))], ["w"])
    assert evaluator.run({"x": np.zeros(2)})["w"].tolist() == [1, 2]
    assert evaluator.outputs == ("w",)
    assert [item.name for item in evaluator.inputs] == ["x"]


def test_unknown_operations_are_named_at_once(tmp_path: Path) -> None:
    operations = [op("brand_new", "a", x="x"), op("relu", "b", x="a"), op("random_normal", "c", shape="b")]
    with pytest.raises(ModelError, match=r"does not know brand_new \('a'\), random_normal \('c'\)"):
        hand_made(tmp_path, operations, ["c"])


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (op("reduce_sum", "y", x="x"), r"reduce_sum 'y' cannot be evaluated: 'y' got shape \(\), declared is \(2,\)"),
        (op("relu", "y", x="x", other="x"), "relu 'y' cannot be evaluated: .*other"),
        (op("relu", "y"), "relu 'y' cannot be evaluated: .*missing"),
        (op("gather", "y", x="x", indices="far"), "reach outside 0 to 1"),
        (op("transpose", "y", x="x", perm="far"), "transpose 'y' cannot be evaluated"),
        (op("split", "y", x="x", num_splits="two", axis="none"), "split 'y' cannot be evaluated"),
    ],
)
def test_operations_that_break_their_declaration_are_named(tmp_path: Path, operation: bytes, said: str) -> None:
    def number(name: str, value: int) -> bytes:
        data = ml.immediate(ml.INT32, (), ml.field(2, ml.field(1, value)))
        return ml.const(name, data, ml.INT32, ())

    far = ml.const("far", ml.immediate(ml.INT32, (2,), ml.field(2, ml.field(1, b"\x00\x05"))), ml.INT32)
    evaluator = hand_made(tmp_path, [far, number("two", 2), number("none", 0), operation], ["y"])
    with pytest.raises(ModelError, match=said) as caught:
        evaluator.run({"x": np.zeros(2)})
    assert "\n" not in str(caught.value)


def test_feeds_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    evaluator = hand_made(tmp_path, [op("relu", "y", x="x")], ["y"])
    with pytest.raises(DataError, match=r"input 'x' is missing\. Feed x"):
        evaluator.run({})
    with pytest.raises(DataError, match=r"shape \(3,\): the model takes \(2,\)"):
        evaluator.run({"x": np.zeros(3)})
    with pytest.raises(ModelError, match="no value 'z'"):
        evaluator.run({"x": np.zeros(2)}, watch=["z"])
