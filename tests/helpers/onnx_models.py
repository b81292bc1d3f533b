"""Small seeded ONNX models for tests: every function returns an `onnx.ModelProto` that depends on its arguments alone.

The batch axis is symbolic ("N") unless `batch` gives a number. Weights come from `np.random.default_rng(seed)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Batch = int | str
Floats = npt.NDArray[np.float32]


class Builder:
    """Collects nodes and initializers of one graph; `node` names nodes and outputs after the op and a counter."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Add an initializer and return its name."""
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, name: str, *shape: int, gain: float = 1.0) -> str:
        """Add a random weight with variance gain^2 / fan-in (He-like)."""
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.constant(name, self.rng.standard_normal(shape) * gain / np.sqrt(fan_in))

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node named `<output>_node` with one output and return the output's name."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=f"{output}_node", **attributes))
        return output

    def conv(self, name: str, x: str, c_in: int, c_out: int, kernel: int = 3, **attributes: Any) -> str:
        """Add a same-padded 2-D Conv with bias; groups through `group=`."""
        group = attributes.get("group", 1)
        weight = self.weight(f"{name}_w", c_out, c_in // group, kernel, kernel, gain=1.4)
        bias = self.constant(f"{name}_b", self.rng.standard_normal(c_out) * 0.1)
        pad = kernel // 2
        attributes.setdefault("pads", [pad] * 4)
        return self.node("Conv", [x, weight, bias], name, kernel_shape=[kernel, kernel], **attributes)

    def conv_no_bias(self, name: str, x: str, c_in: int, c_out: int, kernel: int = 3, **attributes: Any) -> str:
        """Add a same-padded 2-D Conv without bias."""
        weight = self.weight(f"{name}_w", c_out, c_in // attributes.get("group", 1), kernel, kernel, gain=1.4)
        attributes.setdefault("pads", [kernel // 2] * 4)
        return self.node("Conv", [x, weight], name, kernel_shape=[kernel, kernel], **attributes)

    def batch_norm(self, name: str, x: str, channels: int) -> str:
        """Add a BatchNormalization in inference mode."""
        rng = self.rng
        parameters = [
            self.constant(f"{name}_gamma", rng.uniform(0.5, 1.5, channels)),
            self.constant(f"{name}_beta", rng.standard_normal(channels) * 0.2),
            self.constant(f"{name}_mean", rng.standard_normal(channels) * 0.2),
            self.constant(f"{name}_var", rng.uniform(0.5, 1.5, channels)),
        ]
        return self.node("BatchNormalization", [x, *parameters], name, epsilon=1e-3)

    def linear(self, name: str, x: str, n_in: int, n_out: int) -> str:
        """Add a Gemm with transB = 1 and bias."""
        weight = self.weight(f"{name}_w", n_out, n_in)
        bias = self.constant(f"{name}_b", self.rng.standard_normal(n_out) * 0.1)
        return self.node("Gemm", [x, weight, bias], name, transB=1)

    def model(
        self,
        inputs: Mapping[str, Sequence[Batch]],
        outputs: Mapping[str, Sequence[Batch]],
        opset: int = 17,
        name: str = "test",
    ) -> onnx.ModelProto:
        """Return the checked model; inputs and outputs are float32."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in inputs.items()],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def conv_relu_net(seed: int = 0, batch: Batch = "N", *, opset: int = 17, softmax: bool = False) -> onnx.ModelProto:
    """Conv-Relu, Conv-Relu, MaxPool, global mean, Gemm.

    Input "input" [N,3,16,16]; output "logits" [N,10], or with `softmax` "probabilities" [N,10].
    """
    b = Builder(seed)
    x = b.node("Relu", [b.conv("conv1", "input", 3, 8)], "relu1")
    x = b.node("MaxPool", [x], "pool1", kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Relu", [b.conv("conv2", x, 8, 16)], "relu2")
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "flat")
    output = b.linear("logits", x, 16, 10)
    if softmax:
        output = b.node("Softmax", [output], "probabilities", axis=-1)
    return b.model({"input": [batch, 3, 16, 16]}, {output: [batch, 10]}, opset)


def resnet_like(seed: int = 0, batch: Batch = "N", blocks: int = 2) -> onnx.ModelProto:
    """Stem and `blocks` residual blocks (Conv-Relu-Conv, Add, Relu), global mean, Gemm.

    Input "input" [N,3,16,16]; output "logits" [N,10].
    """
    b = Builder(seed)
    x = b.node("Relu", [b.conv("stem", "input", 3, 8)], "stem_relu")
    for i in range(blocks):
        y = b.node("Relu", [b.conv(f"block{i}_conv1", x, 8, 8)], f"block{i}_relu1")
        y = b.conv(f"block{i}_conv2", y, 8, 8)
        x = b.node("Relu", [b.node("Add", [x, y], f"block{i}_add")], f"block{i}_relu2")
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "flat")
    b.linear("logits", x, 8, 10)
    return b.model({"input": [batch, 3, 16, 16]}, {"logits": [batch, 10]})


def depthwise_net(seed: int = 0, batch: Batch = "N") -> onnx.ModelProto:
    """MobileNet-like: Conv, depthwise and pointwise Convs without bias, each with BatchNorm and Clip 0..6, then Gemm.

    Input "input" [N,3,16,16]; output "logits" [N,10].
    """
    b = Builder(seed)
    low, high = b.constant("clip_low", 0.0), b.constant("clip_high", 6.0)

    def unit(name: str, x: str, c_in: int, c_out: int, kernel: int, group: int = 1) -> str:
        y = b.batch_norm(f"{name}_bn", b.conv_no_bias(name, x, c_in, c_out, kernel, group=group), c_out)
        return b.node("Clip", [y, low, high], f"{name}_clip")

    x = unit("conv", "input", 3, 8, 3)
    x = unit("depthwise1", x, 8, 8, 3, group=8)
    x = unit("pointwise1", x, 8, 16, 1)
    x = unit("depthwise2", x, 16, 16, 3, group=16)
    x = unit("pointwise2", x, 16, 24, 1)
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "flat")
    b.linear("logits", x, 24, 10)
    return b.model({"input": [batch, 3, 16, 16]}, {"logits": [batch, 10]})


def concat_net(seed: int = 0, batch: Batch = "N") -> onnx.ModelProto:
    """SqueezeNet-like fire block: squeeze Conv, two expand Convs with Relu, Concat, Conv, mean.

    Input "input" [N,3,16,16]; output "logits" [N,10].
    """
    b = Builder(seed)
    x = b.node("Relu", [b.conv("squeeze", "input", 3, 8, kernel=1)], "squeeze_relu")
    one = b.node("Relu", [b.conv("expand1", x, 8, 8, kernel=1)], "expand1_relu")
    three = b.node("Relu", [b.conv("expand3", x, 8, 8, kernel=3)], "expand3_relu")
    x = b.conv("head", b.node("Concat", [one, three], "joined", axis=1), 16, 10, kernel=1)
    b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "logits")
    return b.model({"input": [batch, 3, 16, 16]}, {"logits": [batch, 10]})


def encoder_like(seed: int = 0, batch: Batch = "N", tokens: int = 8, width: int = 16) -> onnx.ModelProto:
    """One transformer encoder block on embeddings: attention (two heads), LayerNorm, feed-forward with Gelu by Erf.

    Input "input" [N,tokens,width]; output "logits" [N,4]. Projections are MatMul with constants plus Add.
    """
    b, heads = Builder(seed), 2
    split = b.constant("split_shape", [0, tokens, heads, width // heads], np.int64)
    merge = b.constant("merge_shape", [0, tokens, width], np.int64)

    def project(name: str, x: str, n_in: int, n_out: int) -> str:
        product = b.node("MatMul", [x, b.weight(f"{name}_w", n_in, n_out, gain=1.0)], f"{name}_matmul")
        return b.node("Add", [product, b.constant(f"{name}_b", b.rng.standard_normal(n_out) * 0.1)], name)

    def norm(name: str, x: str) -> str:
        ones, zeros = b.constant(f"{name}_scale", np.ones(width)), b.constant(f"{name}_bias", np.zeros(width))
        return b.node("LayerNormalization", [x, ones, zeros], name, axis=-1)

    def head_split(name: str, x: str, perm: Sequence[int]) -> str:
        return b.node("Transpose", [b.node("Reshape", [x, split], f"{name}_split")], f"{name}_heads", perm=perm)

    query = head_split("query", project("query_proj", "input", width, width), [0, 2, 1, 3])
    key = head_split("key", project("key_proj", "input", width, width), [0, 2, 3, 1])
    value = head_split("value", project("value_proj", "input", width, width), [0, 2, 1, 3])
    scores = b.node("MatMul", [query, key], "scores")
    scaled = b.node("Mul", [scores, b.constant("attention_scale", (width // heads) ** -0.5)], "scaled_scores")
    mixed = b.node("MatMul", [b.node("Softmax", [scaled], "attention", axis=-1), value], "mixed")
    merged = b.node("Reshape", [b.node("Transpose", [mixed], "mixed_t", perm=[0, 2, 1, 3]), merge], "merged")
    x = norm("norm1", b.node("Add", ["input", project("output_proj", merged, width, width)], "residual1"))
    hidden = project("up", x, width, 4 * width)
    erf = b.node("Erf", [b.node("Mul", [hidden, b.constant("inv_sqrt2", 2**-0.5)], "gelu_in")], "gelu_erf")
    gate = b.node("Add", [erf, b.constant("one", 1.0)], "gelu_gate")
    gelu = b.node("Mul", [b.node("Mul", [hidden, gate], "gelu_mul"), b.constant("half", 0.5)], "gelu")
    x = norm("norm2", b.node("Add", [x, project("down", gelu, 4 * width, width)], "residual2"))
    pooled = b.node("ReduceMean", [x], "pooled", axes=[1], keepdims=0)
    b.linear("logits", pooled, width, 4)
    return b.model({"input": [batch, tokens, width]}, {"logits": [batch, 4]})


def lstm_net(seed: int = 0, batch: Batch = 1, steps: int = 6) -> onnx.ModelProto:
    """LSTM over a sequence with its state as input and output, then Gemm.

    Inputs "input" [steps,N,12], "state_h" and "state_c" [1,N,16]; outputs "logits" [N,5], "next_h", "next_c".
    """
    b, size = Builder(seed), 16
    weights = [
        b.constant("lstm_w", b.rng.standard_normal((1, 4 * size, 12)) * 0.3),
        b.constant("lstm_r", b.rng.standard_normal((1, 4 * size, size)) * 0.2),
        b.constant("lstm_b", b.rng.standard_normal((1, 8 * size)) * 0.1),
    ]
    b.nodes.append(
        helper.make_node(
            "LSTM",
            ["input", *weights, "", "state_h", "state_c"],
            ["", "next_h", "next_c"],
            name="lstm_node",
            hidden_size=size,
        )
    )
    axes = b.constant("squeeze_axes", [0], np.int64)
    b.linear("logits", b.node("Squeeze", ["next_h", axes], "last"), size, 5)
    state = [1, batch, size]
    return b.model(
        {"input": [steps, batch, 12], "state_h": state, "state_c": state},
        {"logits": [batch, 5], "next_h": state, "next_c": state},
    )


def detection_head_net(seed: int = 0, batch: Batch = "N", *, range_max: float = 640.0) -> onnx.ModelProto:
    """Backbone Convs and a head that joins boxes 0..range_max and scores 0..1 in one output.

    Input "input" [N,3,32,32]; output "detections" [N,84,64]: 4 box rows, then 80 score rows.
    """
    b = Builder(seed)
    x = b.node("Relu", [b.conv("stem", "input", 3, 8, strides=[2, 2])], "stem_relu")
    x = b.node("Relu", [b.conv("body", x, 8, 16, strides=[2, 2])], "body_relu")
    boxes, scores = b.conv("box_head", x, 16, 4, kernel=1), b.conv("score_head", x, 16, 80, kernel=1)
    box_shape, score_shape = (
        b.constant("box_shape", [0, 4, 64], np.int64),
        b.constant("score_shape", [0, 80, 64], np.int64),
    )
    boxes = b.node("Sigmoid", [b.node("Reshape", [boxes, box_shape], "boxes_flat")], "boxes_unit")
    boxes = b.node("Mul", [boxes, b.constant("box_scale", range_max)], "boxes")
    scores = b.node("Sigmoid", [b.node("Reshape", [scores, score_shape], "scores_flat")], "scores")
    b.node("Concat", [boxes, scores], "detections", axis=1)
    return b.model({"input": [batch, 3, 32, 32]}, {"detections": [batch, 84, 64]})


def multi_io_net(seed: int = 0, batch: Batch = "N") -> onnx.ModelProto:
    """Two inputs and two outputs: an image branch and a feature branch, joined.

    Inputs "image" [N,3,8,8], "features" [N,6]; outputs "classes" [N,4] (after Softmax) and "embedding" [N,12].
    """
    b = Builder(seed)
    x = b.node("Relu", [b.conv("conv", "image", 3, 8)], "relu")
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "flat")
    y = b.node("Relu", [b.linear("feature_fc", "features", 6, 4)], "feature_relu")
    joined = b.node("Concat", [x, y], "embedding", axis=1)
    b.node("Softmax", [b.linear("scores", joined, 12, 4)], "classes", axis=-1)
    return b.model(
        {"image": [batch, 3, 8, 8], "features": [batch, 6]}, {"classes": [batch, 4], "embedding": [batch, 12]}
    )


def nan_net(seed: int = 0, batch: Batch = "N") -> onnx.ModelProto:
    """Conv, then Log of it (NaN wherever it is negative), then a mean per channel.

    Input "input" [N,3,8,8]; output "logits" [N,4].
    """
    b = Builder(seed)
    x = b.node("Log", [b.conv("conv", "input", 3, 4)], "log")
    b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "logits")
    return b.model({"input": [batch, 3, 8, 8]}, {"logits": [batch, 4]})


def half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model with one input and output as exporters write float16: half weights inside, float32 outside."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph, inside = made.graph, {made.graph.input[0].name: "half_in", made.graph.output[0].name: "half_out"}
    for constant in graph.initializer:
        if constant.data_type == TensorProto.FLOAT:
            constant.CopyFrom(
                numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float16), constant.name)
            )
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [inside.get(name, name) for name in names]
    first = helper.make_node("Cast", [graph.input[0].name], ["half_in"], "to_half", to=TensorProto.FLOAT16)
    last = helper.make_node("Cast", ["half_out"], [graph.output[0].name], "to_float", to=TensorProto.FLOAT)
    nodes = [first, *graph.node, last]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(made)
    return made


def random_feeds(model: onnx.ModelProto, n: int = 1, seed: int = 0, scale: float = 1.0) -> dict[str, Floats]:
    """Return standard normal float32 feeds for every input that is not an initializer; symbolic axes become `n`."""
    rng = np.random.default_rng(seed)
    initializers = {tensor.name for tensor in model.graph.initializer}
    feeds = {}
    for value in model.graph.input:
        if value.name not in initializers:
            dims = value.type.tensor_type.shape.dim
            shape = [dim.dim_value if dim.HasField("dim_value") else n for dim in dims]
            feeds[value.name] = (rng.standard_normal(shape) * scale).astype(np.float32)
    return feeds
