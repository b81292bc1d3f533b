"""One small net per rule of lowering, each with what the plan must say of it; plans of them from the real planner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from helpers.onnx_models import Builder, random_feeds
from onnx import TensorProto, helper

from workbench.model.canonical import canonical_graph
from workbench.quant.build import build_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.scheme import Scheme


class MemorySamples:
    """Arrays in memory as calibration samples, along axis 0."""

    sha256 = "5" * 64
    feedback = None

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.arrays = arrays
        self.n = len(next(iter(arrays.values())))

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, npt.NDArray[Any]]]:
        for at in range(start, self.n, batch):
            yield {name: array[at : at + batch] for name, array in self.arrays.items()}


def example_feeds(model: onnx.ModelProto, n: int, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Return `n` samples per input: normal float32 values, or for an int64 input the numbers 0 to 49."""
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    feeds: dict[str, npt.NDArray[Any]] = dict(random_feeds(model, n, seed))
    rng = np.random.default_rng(seed)
    for name, kind in kinds.items():
        if kind == TensorProto.INT64:
            feeds[name] = rng.integers(0, 50, feeds[name].shape, np.int64)
    return feeds


def planned(
    model: onnx.ModelProto, scheme: Scheme | None = None, feeds: Mapping[str, npt.NDArray[Any]] | None = None
) -> tuple[onnx.ModelProto, QuantPlan]:
    """Return the canonical graph and its plan, calibrated on 32 random samples unless `feeds` are given."""
    canonical, transforms = canonical_graph(model)
    samples = MemorySamples(feeds or example_feeds(canonical, 32, seed=1))
    plan = build_plan("a" * 64, canonical, transforms, scheme or Scheme(), samples, lambda *_: None, lambda: None)
    return canonical, plan


def model_of(builder: Builder, inputs: Mapping[str, Sequence[int | str]], outputs: Sequence[str]) -> onnx.ModelProto:
    """Return a checked float32 model at opset 14 with inferred shapes; an input that starts with "ids" is int64."""
    kinds = {name: TensorProto.INT64 if name.startswith("ids") else TensorProto.FLOAT for name in inputs}
    graph = helper.make_graph(
        builder.nodes,
        "rule",
        [helper.make_tensor_value_info(name, kinds[name], shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        builder.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


IMAGE: Mapping[str, Sequence[int | str]] = {"x": ["N", 4, 8, 8]}


def _image(build: Callable[[Builder], None], outputs: Sequence[str] = ("y",)) -> onnx.ModelProto:
    b = Builder(0)
    build(b)
    return model_of(b, IMAGE, outputs)


def _between_convs(*make: Callable[[Builder, str], str]) -> onnx.ModelProto:
    """Conv, what `make` adds one after the other, Conv."""

    def build(b: Builder) -> None:
        tensor = b.conv("first", "x", 4, 8)
        for each in make:
            tensor = each(b, tensor)
        b.conv("y", tensor, 8, 4)

    return _image(build)


def _op(op_type: str, name: str, **attributes: Any) -> Callable[[Builder, str], str]:
    return lambda b, tensor: b.node(op_type, [tensor], name, **attributes)


def relu() -> onnx.ModelProto:
    return _between_convs(_op("Relu", "act"))


def clip(low: float = 0.0, high: float = 6.0) -> onnx.ModelProto:
    def bounded(b: Builder, tensor: str) -> str:
        return b.node("Clip", [tensor, b.constant("low", low), b.constant("high", high)], "act")

    return _between_convs(bounded)


def leaky_relu() -> onnx.ModelProto:
    return _between_convs(_op("LeakyRelu", "act", alpha=0.1))


def hard_swish() -> onnx.ModelProto:
    return _between_convs(_op("HardSwish", "act"))


def silu() -> onnx.ModelProto:
    return _between_convs(lambda b, x: b.node("Mul", [x, b.node("Sigmoid", [x], "gate")], "act"))


def shared_scales() -> onnx.ModelProto:
    """Max pool, transposes and a reshape between Convs, which keep one scale."""

    def reshaped(b: Builder, tensor: str) -> str:
        flat = b.node("Reshape", [tensor, b.constant("rows", [0, 8, 16], np.int64)], "flat")
        return b.node("Reshape", [flat, b.constant("square", [0, 8, 4, 4], np.int64)], "square_again")

    pool = _op("MaxPool", "pooled", kernel_shape=[2, 2], strides=[2, 2])
    there, back = (_op("Transpose", name, perm=[0, 1, 3, 2]) for name in ("turned", "turned_back"))
    return _between_convs(_op("Relu", "act"), pool, there, back, reshaped)


def average_pool() -> onnx.ModelProto:
    return _between_convs(_op("Relu", "act"), _op("AveragePool", "pooled", kernel_shape=[2, 2], strides=[2, 2]))


def sliced() -> onnx.ModelProto:
    """A Slice and a Split, whose halves meet again in a Concat."""

    def cut(b: Builder, tensor: str) -> str:
        starts, ends, axes = (b.constant(n, [v], np.int64) for n, v in (("starts", 0), ("ends", 6), ("axes", 2)))
        part = b.node("Slice", [tensor, starts, ends, axes], "part")
        b.nodes.append(helper.make_node("Split", [part], ["left", "right"], name="halves", axis=1))
        return b.node("Concat", ["right", "left"], "joined", axis=1)

    return _between_convs(_op("Relu", "act"), cut)


def concat(factor: float = 1.0) -> onnx.ModelProto:
    """Two branches joined; the second one's values are `factor` times as large."""

    def build(b: Builder) -> None:
        one = b.node("Relu", [b.conv("one", "x", 4, 4)], "one_relu")
        b.conv_no_bias("two", "x", 4, 4)
        weight = onnx.numpy_helper.to_array(b.initializers[-1]) * np.float32(factor)
        b.initializers[-1].CopyFrom(onnx.numpy_helper.from_array(weight, "two_w"))
        b.conv("y", b.node("Concat", [one, b.node("Relu", ["two"], "two_relu")], "joined", axis=1), 8, 4)

    return _image(build)


def concat_beyond_8x() -> onnx.ModelProto:
    return concat(40.0)


def residual_add() -> onnx.ModelProto:
    def build(b: Builder) -> None:
        stem = b.node("Relu", [b.conv("stem", "x", 4, 4)], "stem_relu")
        inner = b.conv("second", b.node("Relu", [b.conv("first", stem, 4, 4)], "first_relu"), 4, 4)
        b.conv("y", b.node("Relu", [b.node("Add", [stem, inner], "sum")], "sum_relu"), 4, 4)

    return _image(build)


def residual_in_float() -> onnx.ModelProto:
    """A residual Add of what a float op made: only the Conv beside it reads codes of that tensor."""

    def build(b: Builder) -> None:
        act = b.node("HardSwish", [b.conv("stem", "x", 4, 8)], "act")
        total = b.node("Add", [b.conv("branch", act, 8, 8), act], "total")
        b.conv("y", total, 8, 6)

    return _image(build)


def sum_of_two() -> onnx.ModelProto:
    """The residual net with the op Sum in place of Add."""
    model = residual_add()
    next(node for node in model.graph.node if node.op_type == "Add").op_type = "Sum"
    return model


def two_clips() -> onnx.ModelProto:
    """Clip after a residual Add, and a Clip that does not start at 0."""

    def build(b: Builder) -> None:
        low, below, high = b.constant("low", 0.0), b.constant("below", -1.0), b.constant("high", 1.5)
        stem = b.node("Clip", [b.conv("stem", "x", 4, 4), low, high], "stem_clip")
        joined = b.node("Add", [b.conv("inner", stem, 4, 4), stem], "sum")
        inner = b.conv("after", b.node("Clip", [joined, low, high], "sum_clip"), 4, 4)
        b.conv("y", b.node("Clip", [inner, below, high], "hard_tanh"), 4, 4)

    return _image(build)


def pad(value: float = 0.0) -> onnx.ModelProto:
    def padded(b: Builder, tensor: str) -> str:
        pads = b.constant("pads", [0, 0, 1, 1, 0, 0, 1, 1], np.int64)
        return b.node("Pad", [tensor, pads, b.constant("fill", value)], "padded")

    return _between_convs(_op("Relu", "act"), padded)


def pad_with_one() -> onnx.ModelProto:
    return pad(1.0)


def branch_that_reads_codes() -> onnx.ModelProto:
    """Two Convs with a ReLU between them, whose output and a constant an If's branches read too."""
    b = Builder(0)
    b.conv("output", b.node("Relu", [b.conv("first", "x", 4, 8)], "act"), 8, 4)
    factor = b.constant("factor", 2.0)
    is_any = b.node("Greater", [b.node("ReduceMean", ["x"], "mean", keepdims=0), b.constant("zero", -9.0)], "is_any")
    branches = [
        helper.make_graph([helper.make_node("Mul", ["act", factor], [name])], name, [], [output])
        for name in ("yes", "no")
        for output in [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
    ]
    b.node("If", [is_any], "doubled", then_branch=branches[0], else_branch=branches[1])
    return model_of(b, IMAGE, ("output", "doubled"))


def output_inside() -> onnx.ModelProto:
    """A tensor that is a graph output, quantized, and read by the next layer."""

    def build(b: Builder) -> None:
        inside = b.node("Relu", [b.conv("first", "x", 4, 8)], "inside")
        b.conv("y", inside, 8, 4)

    return _image(build, ("y", "inside"))


def shared_weight() -> onnx.ModelProto:
    """Three Convs with one weight and one bias; their inputs have scales of their own."""

    def build(b: Builder) -> None:
        weight, bias = b.weight("w", 4, 4, 3, 3, gain=2.0), b.constant("b", [0.3, -0.2, 0.1, 0.4])
        tensor = "x"
        for name in ("one", "two", "y"):
            tensor = b.node("Conv", [tensor, weight, bias], name, pads=[1] * 4)

    return _image(build)


def depthwise() -> onnx.ModelProto:
    return _between_convs(_op("Relu", "act"), lambda b, x: b.conv("deep", x, 8, 8, group=8), _op("Relu", "act2"))


def grouped() -> onnx.ModelProto:
    return _between_convs(_op("Relu", "act"), lambda b, x: b.conv("grouped", x, 8, 8, group=4), _op("Relu", "act2"))


def strided_dilated() -> onnx.ModelProto:
    return _between_convs(
        lambda b, x: b.conv("strided", x, 8, 8, strides=[2, 2]),
        lambda b, x: b.conv("dilated", x, 8, 8, dilations=[2, 2], pads=[2] * 4),
    )


def _convs(axes: int) -> onnx.ModelProto:
    """Conv, Relu, MaxPool, Conv over so many spatial axes."""
    b = Builder(0)
    first = b.node("Conv", ["x", b.weight("w1", 8, 4, *[3] * axes, gain=1.4), b.constant("b1", np.zeros(8))], "first")
    pooled = b.node("MaxPool", [b.node("Relu", [first], "act")], "pooled", kernel_shape=[2] * axes, strides=[2] * axes)
    b.node("Conv", [pooled, b.weight("w2", 4, 8, *[1] * axes)], "y")
    return model_of(b, {"x": ["N", 4, *[8] * axes]}, ["y"])


def conv_1d() -> onnx.ModelProto:
    return _convs(1)


def conv_3d() -> onnx.ModelProto:
    return _convs(3)


def conv_transpose(group: int = 1) -> onnx.ModelProto:
    def up(b: Builder, tensor: str) -> str:
        weight, bias = b.weight("up_w", 8, 8 // group, 2, 2, gain=2.0), b.constant("up_b", b.rng.standard_normal(8))
        return b.node("ConvTranspose", [tensor, weight, bias], "up", strides=[2, 2], group=group)

    return _between_convs(_op("Relu", "act"), up)


def grouped_conv_transpose() -> onnx.ModelProto:
    return conv_transpose(2)


def _dense(op_type: str, transposed: bool) -> onnx.ModelProto:
    b = Builder(0)
    attributes = {"transB": 1} if transposed else {}
    hidden = [b.weight("w1", *((16, 32) if transposed else (32, 16)))]
    hidden += [b.constant("b1", b.rng.standard_normal(16))] if op_type == "Gemm" else []
    act = b.node("Relu", [b.node(op_type, ["x", *hidden], "hidden", **attributes)], "act")
    b.node(op_type, [act, b.weight("w2", *((6, 16) if transposed else (16, 6)))], "y", **attributes)
    return model_of(b, {"x": ["N", 32]}, ["y"])


def gemm() -> onnx.ModelProto:
    return _dense("Gemm", transposed=False)


def gemm_transposed() -> onnx.ModelProto:
    return _dense("Gemm", transposed=True)


def matmul() -> onnx.ModelProto:
    return _dense("MatMul", transposed=False)


def matmul_and_bias() -> onnx.ModelProto:
    """Linear layers of a sequence, each a MatMul and an Add: one before a Relu, one before a Tanh, and the last."""
    b = Builder(0)

    def linear(name: str, tensor: str, n_in: int, n_out: int) -> str:
        product = b.node("MatMul", [tensor, b.weight(f"{name}_w", n_in, n_out, gain=2.0)], f"{name}_product")
        return b.node("Add", [product, b.constant(f"{name}_b", b.rng.standard_normal(n_out))], name)

    y = b.node("Relu", [linear("one", "x", 24, 16)], "active")
    linear("y", b.node("Tanh", [linear("two", y, 16, 16)], "bent"), 16, 10)
    return model_of(b, {"x": ["N", 6, 24]}, ["y"])


def embedding() -> onnx.ModelProto:
    """Tokens looked up in a table by Gather, then MatMuls."""
    b = Builder(0)
    looked_up = b.node("Gather", [b.weight("table", 50, 16), "ids"], "looked_up", axis=0)
    hidden = b.node("Relu", [b.node("MatMul", [looked_up, b.weight("w1", 16, 8)], "hidden")], "act")
    b.node("MatMul", [hidden, b.weight("w2", 8, 4)], "y")
    return model_of(b, {"ids": ["N", 6]}, ["y"])


def einsum() -> onnx.ModelProto:
    def mixed(b: Builder, tensor: str) -> str:
        return b.node("Einsum", [tensor, b.weight("mix", 8, 8)], "mixed", equation="nchw,cd->ndhw")

    return _between_convs(_op("Relu", "act"), mixed)


def mean() -> onnx.ModelProto:
    b = Builder(0)
    act = b.node("Relu", [b.conv("first", "x", 4, 8)], "act")
    flat = b.node("Flatten", [b.node("GlobalAveragePool", [act], "mean")], "flat")
    b.linear("y", flat, 8, 5)
    return model_of(b, IMAGE, ["y"])


def mean_by_pool() -> onnx.ModelProto:
    """An AveragePool over the whole plane, which is a mean however it is written."""
    b = Builder(0)
    act = b.node("Relu", [b.conv("first", "x", 4, 8)], "act")
    flat = b.node("Flatten", [b.node("AveragePool", [act], "mean", kernel_shape=[8, 8])], "flat")
    b.linear("y", flat, 8, 5)
    return model_of(b, IMAGE, ["y"])


def upsampled() -> onnx.ModelProto:
    """A Resize between Convs, which stays in float."""

    def twice(b: Builder, tensor: str) -> str:
        scales = b.constant("scales", [1.0, 1.0, 2.0, 2.0])
        return b.node("Resize", [tensor, "", scales], "larger", mode="nearest")

    return _between_convs(_op("Relu", "act"), twice)


@dataclass(frozen=True)
class Rule:
    """A net and what its S1 plan must say.

    Attributes:
        make: the net; stays_float: names of the nodes that the plan leaves in float, all others are quantized.
        min_sqnr_db: what the simulation reaches at least, against FP32 on fresh samples.
    """

    make: Callable[[], onnx.ModelProto]
    stays_float: tuple[str, ...] = ()
    min_sqnr_db: float = 25.0


RULES: Mapping[str, Rule] = {
    "relu": Rule(relu),
    "clip 0..6": Rule(clip),
    "clips elsewhere": Rule(two_clips, ("hard_tanh_node",)),
    "leaky relu": Rule(leaky_relu, ("act_node",)),
    "hard swish": Rule(hard_swish, ("act_node",)),
    "silu": Rule(silu, ("gate_node", "act_node")),
    "shared scales": Rule(shared_scales),
    "average pool": Rule(average_pool),
    "slice and split": Rule(sliced),
    "concat of branches": Rule(concat),
    "concat beyond 8x": Rule(concat_beyond_8x, ("joined_node",)),
    "residual add": Rule(residual_add),
    "residual in float": Rule(residual_in_float, ("act_node", "total_node")),
    "sum of two": Rule(sum_of_two),
    "pad with 0": Rule(pad),
    "pad with 1": Rule(pad_with_one, ("padded_node",)),
    "output inside": Rule(output_inside),
    "shared weight": Rule(shared_weight),
    "depthwise": Rule(depthwise),
    "grouped": Rule(grouped),
    "strides and dilations": Rule(strided_dilated),
    "1-D conv": Rule(conv_1d),
    "3-D conv": Rule(conv_3d),
    "conv transpose": Rule(conv_transpose),
    "grouped conv transpose": Rule(grouped_conv_transpose),
    "gemm": Rule(gemm),
    "gemm transB": Rule(gemm_transposed),
    "matmul": Rule(matmul),
    "matmul and bias": Rule(matmul_and_bias, ("bent_node",)),
    "gather": Rule(embedding, ("looked_up_node",)),
    "einsum": Rule(einsum, ("mixed_node",)),
    "global mean": Rule(mean),
    "mean by pool": Rule(mean_by_pool),
    "resize": Rule(upsampled, ("larger_node",)),
}


@cache
def planned_rule(name: str, scheme: str = "S1") -> tuple[onnx.ModelProto, QuantPlan]:
    """Return the canonical graph and the plan of a rule's net, made once: not to be changed."""
    return planned(RULES[name].make(), Scheme(name=scheme))  # type: ignore[arg-type]
