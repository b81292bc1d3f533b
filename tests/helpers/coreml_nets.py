"""Small seeded networks of the kinds that the Core ML frontend has to take: their ops and wiring, not their weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from helpers.onnx_models import Builder
from onnx import TensorProto, helper

OPSET = 17


class _Net(Builder):
    """A Builder with names of its own making."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._count = 0

    def add(self, op: str, *inputs: str, **attributes: object) -> str:
        """Add a node; return its output."""
        return self.node(op, inputs, self._name(op), **attributes)

    def parts(self, op: str, count: int, *inputs: str, **attributes: object) -> list[str]:
        """Add a node with several outputs; return them."""
        name = self._name(op)
        names = [f"{name}_{place}" for place in range(count)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=f"{name}_node", **attributes))
        return names

    def ints(self, *values: int) -> str:
        """Add int64 numbers."""
        return self.constant(self._name("ints"), values, np.int64)

    def numbers(self, *values: float) -> str:
        """Add float32 numbers; a single one has no axes."""
        return self.constant(self._name("numbers"), values if len(values) > 1 else values[0])

    def filter(self, x: str, c_in: int, c_out: int, kernel: int = 3, **attributes: object) -> str:
        """Add a Conv with bias."""
        return self.conv(self._name("conv"), x, c_in, c_out, kernel, **attributes)

    def silu(self, x: str) -> str:
        """Add x * sigmoid(x)."""
        return self.add("Mul", x, self.add("Sigmoid", x))

    def product(self, x: str, n_in: int, n_out: int) -> str:
        """Add a MatMul with a weight."""
        return self.add("MatMul", x, self.weight(self._name("weight"), n_in, n_out))

    def reshaped(self, x: str, *shape: int) -> str:
        """Add a Reshape."""
        return self.add("Reshape", x, self.ints(*shape))

    def heads(self, x: str, positions: int, heads: int, size: int) -> str:
        """Add what turns [1, positions, heads * size] into [1, heads, positions, size]."""
        return self.add("Transpose", self.reshaped(x, 1, positions, heads, size), perm=[0, 2, 1, 3])

    def attended(self, query: str, key: str, value: str, size: int, mask: str = "") -> str:
        """Add scaled attention of [1, heads, positions, size]; `mask` is added to the scores."""
        scores = self.add("MatMul", query, self.add("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.add("Mul", scores, self.numbers(size**-0.5))
        scores = self.add("Add", scores, mask) if mask else scores
        return self.add("MatMul", self.add("Softmax", scores, axis=-1), value)

    def finished(self, inputs: dict[str, tuple[int, Sequence[int]]], outputs: dict[str, str]) -> onnx.ModelProto:
        """Return the checked model; outputs are renamed."""
        for name, made in outputs.items():
            self.node("Identity", [made], name)
        values = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", values, made, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def mobile(seed: int = 0) -> onnx.ModelProto:
    """Depthwise Conv, HardSwish, squeeze and excite with HardSigmoid, a residual: MobileNetV3, EfficientNet."""
    b = _Net(seed)
    x = b.add("HardSwish", b.filter("image", 3, 8, strides=[2, 2]))
    wide = b.add("HardSwish", b.filter(x, 8, 16, 1))
    deep = b.silu(b.filter(wide, 16, 16, 5, group=16))
    squeezed = b.add("Relu", b.filter(b.add("GlobalAveragePool", deep), 16, 4, 1))
    excited = b.add("HardSigmoid", b.filter(squeezed, 4, 16, 1), alpha=1 / 6, beta=0.5)
    x = b.add("Add", x, b.filter(b.add("Mul", deep, excited), 16, 8, 1))
    x = b.add("Clip", x, b.numbers(0.0), b.numbers(6.0))
    pooled = b.add("Flatten", b.add("ReduceMean", x, axes=[2, 3], keepdims=1))
    return b.finished({"image": (TensorProto.FLOAT, [1, 3, 16, 16])}, {"logits": b.linear("fc", pooled, 8, 5)})


def detector(seed: int = 0) -> onnx.ModelProto:
    """Split and Concat, stacked MaxPools, a Resize, two scales, boxes by a Softmax over bins, anchors: YOLO."""
    b = _Net(seed)
    stem = b.silu(b.filter("image", 3, 8, strides=[2, 2]))
    one, two = b.parts("Split", 2, b.silu(b.filter(stem, 8, 8, 1)), axis=1)
    fine = b.silu(b.filter(b.add("Concat", one, two, b.silu(b.filter(two, 4, 4)), axis=1), 12, 8, 1))
    coarse = b.silu(b.filter(fine, 8, 8, strides=[2, 2]))
    pools = [coarse]
    for _ in range(3):
        pools.append(b.add("MaxPool", pools[-1], kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
    coarse = b.silu(b.filter(b.add("Concat", *pools, axis=1), 32, 8, 1))
    larger = b.add("Resize", coarse, "", b.numbers(1, 1, 2, 2), mode="nearest", nearest_mode="floor",
                   coordinate_transformation_mode="asymmetric")  # fmt: skip
    fine = b.silu(b.filter(b.add("Concat", larger, fine, axis=1), 16, 8))
    cells = {fine: 64, coarse: 16}
    rows = b.add("Concat", *(b.reshaped(b.filter(x, 8, 19, 1), 1, 19, n) for x, n in cells.items()), axis=2)
    bins, scores = b.parts("Split", 2, rows, b.ints(16, 3), axis=1)
    bins = b.add("Transpose", b.reshaped(bins, 1, 4, 4, 80), perm=[0, 2, 1, 3])
    weight = b.constant("bins", np.arange(4).reshape(1, 4, 1, 1))
    sides = b.reshaped(b.add("Conv", b.add("Softmax", bins, axis=1), weight), 1, 4, 80)
    anchors = b.constant("anchors", b.rng.uniform(0, 8, (1, 2, 80)))
    near = b.add("Sub", anchors, b.add("Slice", sides, b.ints(0), b.ints(2), b.ints(1)))
    far = b.add("Add", anchors, b.add("Slice", sides, b.ints(2), b.ints(4), b.ints(1)))
    center = b.add("Div", b.add("Add", near, far), b.numbers(2.0))
    boxes = b.add("Mul", b.add("Concat", center, b.add("Sub", far, near), axis=1), b.numbers(8.0))
    found = b.add("Concat", boxes, b.add("Sigmoid", scores), axis=1)
    return b.finished({"image": (TensorProto.FLOAT, [1, 3, 16, 16])}, {"detections": found})


def vision_transformer(seed: int = 0) -> onnx.ModelProto:
    """Patches by a Conv, a class token by Expand and Concat, attention from one product, Gelu by Erf: ViT."""
    b, size, positions = _Net(seed), 16, 17
    patches = b.conv("patches", "image", 3, size, 4, strides=[4, 4], pads=[0] * 4)
    tokens = b.add("Transpose", b.reshaped(patches, 1, size, 16), perm=[0, 2, 1])
    first = b.add("Expand", b.constant("token", b.rng.standard_normal((1, 1, size))), b.ints(1, 1, size))
    places = b.constant("places", b.rng.standard_normal((1, positions, size)) * 0.1)
    x = b.add("Add", b.add("Concat", first, tokens, axis=1), places)

    def normed(x: str) -> str:
        weights = (b.constant(f"{x}_{name}", b.rng.uniform(0.5, 1.5, size)) for name in ("scale", "bias"))
        return b.add("LayerNormalization", x, *weights, axis=-1, epsilon=1e-6)

    joined = b.reshaped(b.product(normed(x), size, 3 * size), 1, positions, 3, 2, 8)
    triple = b.parts("Split", 3, b.add("Transpose", joined, perm=[2, 0, 3, 1, 4]), axis=0)
    query, key, value = (b.add("Squeeze", part, b.ints(0)) for part in triple)
    mixed = b.add("Transpose", b.attended(query, key, value, 8), perm=[0, 2, 1, 3])
    x = b.add("Add", x, b.product(b.reshaped(mixed, 1, positions, size), size, size))
    hidden = b.product(normed(x), size, 4 * size)
    erf = b.add("Erf", b.add("Div", hidden, b.numbers(2**0.5)))
    gelu = b.add("Mul", b.add("Mul", hidden, b.add("Add", erf, b.numbers(1.0))), b.numbers(0.5))
    x = normed(b.add("Add", x, b.product(gelu, 4 * size, size)))
    head = b.linear("head", b.add("Gather", x, b.constant("zero", 0, np.int64), axis=1), size, 4)
    return b.finished({"image": (TensorProto.FLOAT, [1, 3, 16, 16])}, {"logits": head})


def decoder(seed: int = 0, past: int = 6, new: int = 2) -> onnx.ModelProto:
    """Root-mean-square norm, rotary positions, keys and values of the past as inputs and outputs, a causal mask."""
    b, size, heads, width = _Net(seed), 16, 2, 8
    total = past + new
    x = b.add("Gather", b.weight("embedding", 30, size), "ids", axis=0)

    def normed(x: str) -> str:
        mean = b.add("ReduceMean", b.add("Pow", x, b.numbers(2.0)), axes=[-1], keepdims=1)
        root = b.add("Sqrt", b.add("Add", mean, b.numbers(1e-6)))
        return b.add("Mul", b.add("Div", x, root), b.constant(f"{x}_scale", b.rng.uniform(0.5, 1.5, size)))

    angles = np.outer(np.arange(total), 100.0 ** -np.linspace(0, 1, width // 2)).repeat(2, 0).reshape(total, width)
    tables = (b.constant(name, wave(angles)) for name, wave in (("cosine", np.cos), ("sine", np.sin)))
    cosine, sine = (b.add("Unsqueeze", b.add("Gather", table, "positions"), b.ints(1)) for table in tables)

    def turned(x: str) -> str:
        left, right = (b.add("Slice", x, b.ints(at), b.ints(at + 4), b.ints(3)) for at in (0, 4))
        other = b.add("Concat", b.add("Neg", right), left, axis=-1)
        return b.add("Add", b.add("Mul", x, cosine), b.add("Mul", other, sine))

    quiet = normed(x)
    query, key, value = (b.heads(b.product(quiet, size, size), new, heads, width) for _ in range(3))
    key = b.add("Concat", "past_key", turned(key), axis=2)
    value = b.add("Concat", "past_value", value, axis=2)
    later = np.arange(total)[None, :] > past + np.arange(new)[:, None]
    hidden = b.constant("later", later[None, None], np.bool_)
    mask = b.add("Where", hidden, b.numbers(-10000.0), b.numbers(0.0))
    mixed = b.add("Transpose", b.attended(turned(query), key, value, width, mask), perm=[0, 2, 1, 3])
    x = b.add("Add", x, b.product(b.reshaped(mixed, 1, new, size), size, size))
    quiet = normed(x)
    gated = b.add("Mul", b.silu(b.product(quiet, size, 2 * size)), b.product(quiet, size, 2 * size))
    x = b.add("Add", x, b.product(gated, 2 * size, size))
    cache = (TensorProto.FLOAT, [1, heads, past, width])
    ids = (TensorProto.INT64, [1, new])
    return b.finished(
        {"ids": ids, "positions": ids, "past_key": cache, "past_value": cache},
        {"logits": b.product(normed(x), size, 30), "present_key": key, "present_value": value},
    )


NETS = {"mobile": mobile, "detector": detector, "vision transformer": vision_transformer, "decoder": decoder}
