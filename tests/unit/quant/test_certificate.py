"""What is certified, what is not and why; on a real network the certificate is put to the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder, concat_net, conv_relu_net, encoder_like, random_feeds, resnet_like
from helpers.specification import chain, planned, simulated_codes
from PIL import Image

from workbench.model.load import load_model
from workbench.quant.certificate import certify, channel_sums, is_power_of_two, largest_step
from workbench.quant.integer_graph import IntegerGraph
from workbench.quant.plan import QuantPlan, TensorParameters, WeightParameters


def test_a_power_of_two_plan_is_certified_to_its_last_code() -> None:
    canonical, plan = planned(resnet_like())
    found = certify(canonical, plan)
    assert found.covers(["logits"])
    assert (dict(found.reasons), found.first_reason) == ({}, "")


def test_float16_scales_are_not_certified() -> None:
    canonical, plan = planned(resnet_like(), scale_rounding="float16")
    found = certify(canonical, plan)
    assert not found.covers(["input"])
    assert found.first_reason == "input: its scale is no power of two"


def test_a_float_island_ends_what_is_certified() -> None:
    canonical, plan = planned(encoder_like())
    found = certify(canonical, plan)
    assert found.covers(["query_proj_matmul"])
    assert not found.covers(["logits"])
    assert "computed in float" in found.first_reason


def mean_over(size: int, **attributes: object) -> onnx.ModelProto:
    b = Builder(0)
    x = b.conv("conv", "input", 4, 4)
    op = "AveragePool" if attributes else "GlobalAveragePool"
    b.conv("output", b.node(op, [x], "mean", **attributes), 4, 4, kernel=1)
    return b.model({"input": ["N", 4, size, size]}, {"output": ["N", 4, None, None]})


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (mean_over(8), ""),
        (mean_over(5), "mean_node: a mean over 25 cells"),
        (mean_over(8, kernel_shape=[2, 2]), ""),
        (mean_over(8, kernel_shape=[3, 3]), "mean_node: a mean over 9 cells"),
        (mean_over(8, kernel_shape=[2, 2], pads=[1] * 4), "mean_node: a mean over differing numbers of cells"),
        (mean_over(8, kernel_shape=[2, 2], pads=[1] * 4, count_include_pad=1), ""),
    ],
)
def test_means_are_certified_over_powers_of_two(model: onnx.ModelProto, reason: str) -> None:
    canonical, plan = planned(model)
    assert certify(canonical, plan).first_reason == reason


def wide_gemm(n: int, bias_steps: int) -> tuple[onnx.ModelProto, QuantPlan]:
    """A Gemm of n products with weights 127 and one bias; the input's step is 2^-10."""
    b = Builder(0)
    weight, bias = b.constant("w", np.full((n, 1), 127.0)), b.constant("b", [bias_steps / 1024])
    b.node("Gemm", ["input", weight, bias], "output")
    samples = {"input": np.full((1, n), 127 / 1024, np.float32)}
    return planned(b.model({"input": ["N", n]}, {"output": ["N", 1]}), samples)


def test_the_bound_counts_weights_and_bias() -> None:
    """127 * 128 * 1032 = 16,776,192 is 1,024 short of 2^24; a bias of 1,024 steps reaches it."""
    assert certify(*wide_gemm(1032, 1023)).first_reason == ""
    assert "2^24 or more" in certify(*wide_gemm(1032, 1024)).first_reason
    assert certify(*wide_gemm(1033, 0)).first_reason == "output_node: its sums may reach 16,792,448, 2^24 or more"


def test_beyond_the_bound_float32_rounds() -> None:
    """Why the bound is there: an odd sum above 2^24 has no float32, whoever adds it up."""
    canonical, plan = wide_gemm(1200, 1)
    feeds = {"input": np.full((1, 1200), 127 / 1024, np.float32)}
    sums = 127 * 127 * 1200 + 1
    exact = IntegerGraph(canonical, replace(plan, tensors={"input": plan.tensors["input"]})).run(feeds)["output"]
    assert sums > 2**24
    assert float(exact[0, 0]) * 1024 != sums


def test_an_addition_of_too_different_scales_is_not_certified() -> None:
    canonical, plan = planned(chain(["residual"], 0))
    assert certify(canonical, plan).first_reason == ""
    apart = dict(plan.tensors)
    apart["residual0_a"] = replace(apart["residual0_a"], scale=2.0**17 * apart["residual0_b"].scale)
    found = certify(canonical, replace(plan, tensors=apart))
    assert found.first_reason == "residual0_node: it adds tensors of too different scales"


def test_a_bias_off_its_grid_is_not_certified() -> None:
    canonical, plan = planned(conv_relu_net())
    moved = {**plan.biases, "conv1_b": plan.biases["conv1_b"] + np.float32(1e-6)}
    assert certify(canonical, replace(plan, biases=moved)).first_reason == "conv1_node: its bias is not on the grid"


def test_concats_and_moves_hand_exactness_on() -> None:
    canonical, plan = planned(concat_net())
    assert certify(canonical, plan).covers(["joined", "head"])


def test_helpers() -> None:
    assert largest_step(TensorParameters(1.0, 0, "int8", None, (-128, 127))) == 128
    assert largest_step(TensorParameters(1.0, 30, "uint8", None, (0, 255))) == 225
    assert is_power_of_two([0.25, 1, 4096])
    assert not is_power_of_two([0.25, 3])
    assert not is_power_of_two(0)
    codes = np.arange(-4, 4, dtype=np.int8).reshape(4, 2)  # ConvTranspose [C = 4, M / g = 2], two groups
    weight = WeightParameters(np.ones(2, np.float32), np.zeros(2, np.int8), 1, codes)
    assert channel_sums(weight).tolist() == [4 + 2 + 0 + 2, 3 + 1 + 1 + 3]
    assert channel_sums(weight, 2).tolist() == [4 + 2, 3 + 1, 0 + 2, 1 + 3]


@pytest.mark.data
def test_resnet8_is_simulated_bit_for_bit(shared_data: Path) -> None:
    """Every tensor of codes, on real images; the plan is certified up to the logits."""
    model = load_model(shared_data / "models/resnet8.onnx").proto
    images = sorted((shared_data / "cifar10_sample/calibration").glob("*/*"))[::20]
    values = np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32).transpose(2, 0, 1) for path in images])
    feeds = {model.graph.input[0].name: values}
    canonical, plan = planned(model, feeds)
    tensors = list(plan.tensors)
    assert certify(canonical, plan).covers(tensors)
    expected, found = IntegerGraph(canonical, plan).codes(feeds, tensors), simulated_codes(canonical, plan, feeds)
    assert len(found) == len(tensors)
    for name, codes in found.items():
        np.testing.assert_array_equal(codes, expected[name].codes, err_msg=name)


def test_random_feeds_reach_every_channel() -> None:
    """Codes of the certified nets differ: equality above is not that of constant tensors."""
    canonical, plan = planned(resnet_like())
    found = IntegerGraph(canonical, plan).codes(random_feeds(resnet_like(), 4, seed=2), list(plan.tensors))
    assert all(np.unique(value.codes).size > 20 for value in found.values())


def test_one_channel_off_its_grid_is_enough() -> None:
    canonical, plan = planned(conv_relu_net())
    bias = plan.biases["conv1_b"].copy()
    bias[3] += np.float32(1e-6)
    found = certify(canonical, replace(plan, biases={**plan.biases, "conv1_b": bias}))
    assert found.first_reason == "conv1_node: its bias is not on the grid"


def test_an_op_that_is_not_known_to_be_exact_is_not_certified() -> None:
    b = Builder(0)
    b.conv("output", b.node("Sigmoid", [b.conv("conv", "input", 4, 4)], "gate"), 4, 4)
    canonical, plan = planned(b.model({"input": ["N", 4, 8, 8]}, {"output": ["N", 4, 8, 8]}))
    found = certify(canonical, plan)
    assert found.covers(["conv"])
    assert dict(found.reasons) == {"gate_node": "Sigmoid is computed in float"}
    assert not found.exact & {"gate", "output"}


def test_additions_and_means_that_the_plan_leaves_in_float_are_not_certified() -> None:
    canonical, plan = planned(chain(["residual"], 0), exclude_op_types=("Add",))
    assert certify(canonical, plan).reasons["residual0_node"] == "Add is computed in float"
    canonical, plan = planned(mean_over(8), exclude_op_types=("GlobalAveragePool",))
    assert certify(canonical, plan).reasons["mean_node"] == "GlobalAveragePool is computed in float"


def test_a_mean_over_very_many_cells_is_not_certified() -> None:
    canonical, plan = planned(mean_over(8))
    steep = {**plan.tensors, "conv": replace(plan.tensors["conv"], clamp=(-(2**18), 127))}
    assert certify(canonical, replace(plan, tensors=steep)).first_reason == "mean_node: a mean over 64 cells"


def test_every_group_of_a_transposed_convolution_counts_its_own_channels() -> None:
    """Channel 1 of the second group alone goes beyond the bound, by its bias."""
    b = Builder(0)
    weight = b.constant("w", np.ones((4, 2, 1, 1)))
    bias = b.constant("b", [0.0, 0.0, 0.0, 1.0])
    b.node("ConvTranspose", ["input", weight, bias], "output", group=2)
    canonical, plan = planned(b.model({"input": ["N", 4, 3, 3]}, {"output": ["N", 4, 3, 3]}))
    assert certify(canonical, plan).first_reason == ""
    step = plan.tensors["input"].scale * float(plan.weights["w"].scale[1])
    far = np.asarray([0.0, 0.0, 0.0, step * 2**24], np.float32)
    assert "2^24 or more" in certify(canonical, replace(plan, biases={"b": far})).first_reason
