"""Parity: equal reals in any spelling are equal, and each planted difference is named, alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from workbench.model.canonical import canonical_graph
from workbench.quant.dialect import Dialect
from workbench.quant.parity import Mismatch, RealisedParameters, compare_with_plan
from workbench.quant.plan import CalibrationRecord, QuantPlan, TensorParameters, WeightParameters
from workbench.quant.qdq import write_qdq
from workbench.quant.qdq_reader import read_qdq
from workbench.quant.scheme import Scheme


@pytest.fixture(scope="module")
def canonical():
    return canonical_graph(resnet_like())[0]


@pytest.fixture(scope="module")
def plan(canonical):
    return make_plan(canonical, random_feeds(canonical, 2))


def realised(plan):
    return RealisedParameters(dict(plan.tensors), dict(plan.weights), dict(plan.biases))


def change(model: onnx.ModelProto, name: str, edit) -> None:
    (item,) = [item for item in model.graph.initializer if item.name == name]
    array = numpy_helper.to_array(item).copy()
    edit(array)
    item.CopyFrom(numpy_helper.from_array(array, name))


@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
@pytest.mark.parametrize("activation", ["int8", "uint8"])
@pytest.mark.parametrize("function", ["fused", "leaky_relu", "integer_clip"])
@pytest.mark.parametrize("bias", ["float32", "int32"])
def test_every_dialect_has_parity(canonical, tmp_path, scheme, activation, function, bias):
    plan = make_plan(canonical, random_feeds(canonical, 2), Scheme(name=scheme))
    path = tmp_path / "model.onnx"
    onnx.save(write_qdq(canonical, plan, Dialect(activation, function, bias)), path)
    checked, mismatches = compare_with_plan(plan, read_qdq(path))
    assert mismatches == []
    assert checked == len(plan.tensors) + len(plan.weights) + len(plan.biases) > 0


@pytest.mark.parametrize("bias", ["float32", "int32"])
def test_one_scale_one_code_and_one_bias_in_the_file_are_named_and_nothing_else(canonical, plan, tmp_path, bias):
    model = write_qdq(canonical, plan, Dialect("uint8", "integer_clip", bias))
    tensor, weight, named_bias = "input", list(plan.weights)[1], list(plan.biases)[2]

    def flip_scale(array):
        array[...] = np.nextafter(array, np.float32(np.inf))

    def flip_first(array):
        array.flat[0] ^= 1

    def flip_bias(array):
        array.flat[0] += array.dtype.type(1)

    change(model, f"{tensor}__scale", flip_scale)
    change(model, f"{weight}__codes", flip_first)
    change(model, named_bias if bias == "float32" else f"{named_bias}__codes", flip_bias)
    onnx.save(model, tmp_path / "model.onnx")
    _, mismatches = compare_with_plan(plan, read_qdq(tmp_path / "model.onnx"))
    assert [(item.kind, item.name, item.field) for item in mismatches] == [
        ("tensor", tensor, "scale"),
        ("weight", weight, "codes"),
        ("bias", named_bias, "values"),
    ]
    assert f"1 of {plan.weights[weight].codes.size} elements differ" in mismatches[1].found


def test_missing_and_extra_are_listed(plan):
    found = realised(plan)
    gone = next(iter(plan.weights))
    del found.weights[gone]
    found.tensors["stranger"] = TensorParameters(1.0, 0, "int8", None, (-128, 127))
    found.biases["other"] = np.zeros(2, np.float32)
    assert compare_with_plan(plan, found)[1] == [
        Mismatch("tensor", "stranger", "extra", "absent", "present"),
        Mismatch("weight", gone, "missing", "present", "absent"),
        Mismatch("bias", "other", "extra", "absent", "present"),
    ]


def test_a_bias_that_a_weight_only_plan_leaves_alone_is_not_extra(plan):
    weight_only = replace(plan, scheme=Scheme(name="S3"), tensors={}, biases={})
    found = replace(realised(plan), tensors={})
    assert compare_with_plan(weight_only, found)[1] == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"zero_point": 127}, {"zero_point"}),
        ({"dtype": "int16", "clamp": (-128, 127), "zero_point": 0}, {"dtype"}),
        ({"axis": 1}, {"axis"}),
        ({"clamp": (0, 127)}, {"clamp"}),
        ({"scale": float("nan")}, {"scale"}),
    ],
)
def test_each_field_of_a_tensor_counts(plan, changes, fields):
    spelled = TensorParameters(plan.tensors["input"].scale, 128, "uint8", None, (0, 255))
    found = realised(plan)
    found.tensors["input"] = spelled
    assert compare_with_plan(plan, found)[1] == []
    found.tensors["input"] = replace(spelled, **changes)
    assert {item.field for item in compare_with_plan(plan, found)[1]} == fields


def test_weight_differences_of_axis_shape_and_zero_point(plan):
    name = next(iter(plan.weights))
    weight = plan.weights[name]
    cases = {
        "axis": replace(weight, axis=1),
        "scale": replace(weight, scale=weight.scale[:1]),
        "zero_point": replace(weight, zero_point=weight.zero_point + np.int8(1)),
    }
    for field, changed in cases.items():
        found = realised(plan)
        found.weights[name] = changed
        assert [item.field for item in compare_with_plan(plan, found)[1]] == [field]


def test_a_negative_axis_and_unsigned_weights_are_other_spellings(plan):
    name = next(iter(plan.weights))
    weight = plan.weights[name]
    found = realised(plan)
    found.weights[name] = WeightParameters(
        weight.scale,
        np.full(weight.zero_point.shape, 128, np.uint8),
        weight.axis - weight.codes.ndim,
        (weight.codes.astype(np.int16) + 128).astype(np.uint8),
        "uint8",
    )
    assert compare_with_plan(plan, found)[1] == []


def test_non_finite_biases_never_match(plan):
    name = next(iter(plan.biases))
    found = realised(plan)
    found.biases[name] = np.full_like(plan.biases[name], np.nan)
    (mismatch,) = compare_with_plan(plan, found)[1]
    size = plan.biases[name].size
    assert (mismatch.name, mismatch.field) == (name, "values")
    assert f"{size} of {size}" in mismatch.found


@given(st.integers(-128, 127), st.floats(2.0**-14, 100.0, width=16))
def test_shifting_codes_by_128_is_the_same_tensor(zero_point, scale):
    signed = TensorParameters(scale, zero_point, "int8", None, (-128, 127))
    unsigned = TensorParameters(scale, zero_point + 128, "uint8", None, (0, 255))
    for planned, found in ((signed, unsigned), (unsigned, signed)):
        plan = QuantPlan("0" * 64, Scheme(), CalibrationRecord("mse", {}, 1, ""), tensors={"t": planned})
        assert compare_with_plan(plan, RealisedParameters({"t": found}))[1] == []


def test_scales_are_compared_as_the_float32_values_that_a_file_can_hold():
    planned = TensorParameters(0.1, 0, "int8", None, (-128, 127))
    plan = QuantPlan("0" * 64, Scheme(), CalibrationRecord("mse", {}, 1, ""), tensors={"t": planned})
    for scale, count in ((float(np.float32(0.1)), 0), (float(np.nextafter(np.float32(0.1), np.float32(1))), 1)):
        found = RealisedParameters({"t": replace(planned, scale=scale)})
        assert len(compare_with_plan(plan, found)[1]) == count


def test_the_first_of_several_differences_is_shown(plan):
    name = next(iter(plan.weights))
    weight = plan.weights[name]
    codes = weight.codes.copy()
    codes.reshape(-1)[[5, 9]] ^= 1
    found = realised(plan)
    found.weights[name] = replace(weight, codes=codes)
    (mismatch,) = compare_with_plan(plan, found)[1]
    place = tuple(int(index) for index in np.unravel_index(5, codes.shape))
    assert mismatch.planned == f"codes[{', '.join(map(str, place))}] = {weight.codes[place]}"
    assert mismatch.found.endswith(f"2 of {codes.size} elements differ")
