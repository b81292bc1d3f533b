"""Networks of the size people calibrate, built in code with seeded float32 weights: no file is needed, none is read.

Weights are scaled so that activations keep the size of their inputs through the whole depth; the answers mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from helpers.onnx_models import Batch, Builder
from onnx import TensorProto, helper

RESNET50_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
VOCABULARY, HIDDEN, HEADS, LAYERS, POSITIONS = 30522, 768, 12, 12, 128


def resnet50_size(seed: int = 0, batch: Batch = 1) -> onnx.ModelProto:
    """ResNet-50 v1.5 with BatchNorm folded: 53 Convs and a Gemm, 25.6 million parameters, 4.1 GMAC.

    Input "input" float32 [batch,3,224,224]; output "logits" float32 [batch,1000].
    """
    b = Builder(seed)
    x = _conv(b, "stem", "input", 3, 64, 7, strides=[2, 2])
    x = b.node("Relu", [x], "stem_relu")
    x = b.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, (width, blocks) in enumerate(RESNET50_STAGES, 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _bottleneck(b, f"layer{stage}_{block}", x, channels, width, stride)
            channels = 4 * width
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "flat")
    b.linear("logits", x, channels, 1000)
    return b.model({"input": [batch, 3, 224, 224]}, {"logits": [batch, 1000]})


def bert_base_size(seed: int = 0, batch: Batch = 1, layers: int = LAYERS) -> onnx.ModelProto:
    """Encode tokens as BERT-base does: embeddings, 12 layers of attention and GELU, pooler; 109 million parameters.

    Input "input_ids" int64 [batch,128], tokens 0..30521; output "logits" float32 [batch,2]. LayerNormalization is
    one node, GELU is written with Erf, every projection is a MatMul with a constant and an Add.
    """
    b = Builder(seed)
    words = b.constant("words", b.rng.standard_normal((VOCABULARY, HIDDEN), np.float32) * 0.7)
    places = b.constant("places", b.rng.standard_normal((1, POSITIONS, HIDDEN), np.float32) * 0.7)
    shapes = {
        "heads": b.constant("to_heads", [0, POSITIONS, HEADS, HIDDEN // HEADS], np.int64),
        "hidden": b.constant("to_hidden", [0, POSITIONS, HIDDEN], np.int64),
    }
    x = b.node("Add", [b.node("Gather", [words, "input_ids"], "embedded", axis=0), places], "placed")
    x = _layer_norm(b, "embeddings_norm", x)
    for layer in range(layers):
        x = _encoder_layer(b, f"layer{layer}", x, shapes)
    first = b.constant("first", 0, np.int64)
    x = b.node("Gather", [x, first], "class_token", axis=1)
    x = b.node("Tanh", [_project(b, "pooler", x, HIDDEN, HIDDEN)], "pooled")
    _project(b, "logits", x, HIDDEN, 2)
    graph = helper.make_graph(
        b.nodes,
        "bert_base_size",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [batch, POSITIONS])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 2])],
        b.initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def image_feeds(n: int, seed: int = 0, side: int = 224) -> npt.NDArray[np.float32]:
    """Return float32 [n,3,side,side]: smooth colour fields with noise, mean 0 and deviation near 1."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((n, 3, side // 16 + 1, side // 16 + 1), np.float32)
    smooth = coarse.repeat(16, axis=2).repeat(16, axis=3)[..., :side, :side]
    return np.asarray(smooth + 0.3 * rng.standard_normal(smooth.shape, np.float32))


def token_feeds(n: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return int64 [n,128] tokens; few words are frequent, as in text."""
    draws = np.random.default_rng(seed).zipf(1.3, (n, POSITIONS))
    return np.asarray(draws % VOCABULARY, np.int64)


def _conv(
    b: Builder, name: str, x: str, c_in: int, c_out: int, kernel: int, gain: float = 1.4, **attributes: object
) -> str:
    weight = b.weight(f"{name}_w", c_out, c_in, kernel, kernel, gain=gain)
    bias = b.constant(f"{name}_b", b.rng.standard_normal(c_out) * 0.1)
    return b.node("Conv", [x, weight, bias], name, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4, **attributes)


def _bottleneck(b: Builder, name: str, x: str, c_in: int, width: int, stride: int) -> str:
    y = b.node("Relu", [_conv(b, f"{name}_conv1", x, c_in, width, 1)], f"{name}_relu1")
    y = b.node("Relu", [_conv(b, f"{name}_conv2", y, width, width, 3, strides=[stride] * 2)], f"{name}_relu2")
    y = _conv(b, f"{name}_conv3", y, width, 4 * width, 1, gain=0.5)
    if c_in != 4 * width:
        x = _conv(b, f"{name}_shortcut", x, c_in, 4 * width, 1, strides=[stride] * 2)
    return b.node("Relu", [b.node("Add", [x, y], f"{name}_add")], f"{name}_relu3")


def _encoder_layer(b: Builder, name: str, x: str, shapes: Mapping[str, str]) -> str:
    query, key, value = (_heads(b, f"{name}_{part}", x, shapes) for part in ("query", "key", "value"))
    turned = b.node("Transpose", [key], f"{name}_key_columns", perm=[0, 1, 3, 2])
    scores = b.node("MatMul", [query, turned], f"{name}_scores")
    root = b.constant(f"{name}_root", np.sqrt(HIDDEN / HEADS))
    weights = b.node("Softmax", [b.node("Div", [scores, root], f"{name}_scaled")], f"{name}_weights", axis=-1)
    mixed = b.node("MatMul", [weights, value], f"{name}_mixed")
    mixed = b.node("Transpose", [mixed], f"{name}_mixed_turned", perm=[0, 2, 1, 3])
    joined = b.node("Reshape", [mixed, shapes["hidden"]], f"{name}_joined")
    y = _project(b, f"{name}_attention", joined, HIDDEN, HIDDEN)
    x = _layer_norm(b, f"{name}_attention_norm", b.node("Add", [x, y], f"{name}_attention_sum"))
    y = _gelu(b, f"{name}_gelu", _project(b, f"{name}_up", x, HIDDEN, 4 * HIDDEN))
    y = _project(b, f"{name}_down", y, 4 * HIDDEN, HIDDEN)
    return _layer_norm(b, f"{name}_norm", b.node("Add", [x, y], f"{name}_sum"))


def _heads(b: Builder, name: str, x: str, shapes: Mapping[str, str]) -> str:
    parts = b.node("Reshape", [_project(b, name, x, HIDDEN, HIDDEN), shapes["heads"]], f"{name}_heads")
    return b.node("Transpose", [parts], f"{name}_turned", perm=[0, 2, 1, 3])


def _project(b: Builder, name: str, x: str, n_in: int, n_out: int) -> str:
    weight = b.constant(f"{name}_w", b.rng.standard_normal((n_in, n_out), np.float32) / np.sqrt(n_in))
    bias = b.constant(f"{name}_b", b.rng.standard_normal(n_out) * 0.1)
    return b.node("Add", [b.node("MatMul", [x, weight], f"{name}_product"), bias], name)


def _layer_norm(b: Builder, name: str, x: str) -> str:
    scale = b.constant(f"{name}_gamma", b.rng.uniform(0.5, 1.5, HIDDEN))
    shift = b.constant(f"{name}_beta", b.rng.standard_normal(HIDDEN) * 0.1)
    return b.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=1e-12)


def _gelu(b: Builder, name: str, x: str) -> str:
    root, one, half = (b.constant(f"{name}_{k}", v) for k, v in (("root", np.sqrt(2.0)), ("one", 1.0), ("half", 0.5)))
    error = b.node("Erf", [b.node("Div", [x, root], f"{name}_ratio")], f"{name}_erf")
    y = b.node("Mul", [x, b.node("Add", [error, one], f"{name}_shifted")], f"{name}_product")
    return b.node("Mul", [y, half], name)
