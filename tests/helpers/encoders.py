"""Small encoders as BERT is one: seeded weights, token ids and a mask as inputs, and data to feed them.

The answers mean nothing; the ops, their order and the spread of the activations are those of real encoders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from helpers.onnx_models import Batch, Builder
from onnx import TensorProto, helper

Int64 = npt.NDArray[np.int64]
MASKED = -10000.0


@dataclass(frozen=True)
class Shape:
    """Size of an encoder.

    Attributes:
        pre_norm: the normalization stands before each sublayer (ViT, GPT), not behind the residual Add (BERT).
        decomposed: LayerNormalization is written out as exporters before opset 17 do.
        outliers: hidden channels whose normalization scale is 50 times the others', as trained encoders have some; the
            weights that read them are a tenth of the others.
    """

    layers: int = 2
    hidden: int = 64
    heads: int = 4
    positions: int = 16
    vocabulary: int = 200
    pre_norm: bool = False
    decomposed: bool = False
    outliers: int = 0


def encoder(shape: Shape = Shape(), seed: int = 0, batch: Batch = "N") -> onnx.ModelProto:
    """Embedding Gather, `layers` of attention and GELU (written with Erf), pooler, 3 logits.

    Inputs "input_ids" and "attention_mask" int64 [batch, positions]; output "logits" float32 [batch, 3]. Projections
    are a MatMul with a constant and an Add; attention's own MatMuls multiply two activations.
    """
    return _Encoder(shape, seed).model(batch)


def token_arrays(shape: Shape, n: int, seed: int = 0) -> dict[str, Int64]:
    """Return n token rows, few words frequent as in text, and masks that hide the ends of some rows."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(shape.positions // 2, shape.positions + 1, n)
    mask = (np.arange(shape.positions)[None, :] < lengths[:, None]).astype(np.int64)
    return {"input_ids": rng.zipf(1.3, (n, shape.positions)) % shape.vocabulary * mask, "attention_mask": mask}


class _Encoder:
    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape, self.b = shape, Builder(seed)
        self.outliers = self.b.rng.permutation(shape.hidden)[: shape.outliers]

    def model(self, batch: Batch) -> onnx.ModelProto:
        b, s = self.b, self.shape
        words = b.constant("words", b.rng.standard_normal((s.vocabulary, s.hidden)) * 0.7)
        places = b.constant("places", b.rng.standard_normal((1, s.positions, s.hidden)) * 0.7)
        x = b.node("Add", [b.node("Gather", [words, "input_ids"], "embedded", axis=0), places], "placed")
        x = x if s.pre_norm else self._norm("embeddings_norm", x)
        mask = self._mask()
        for layer in range(s.layers):
            x = self._layer(f"layer{layer}", x, mask)
        x = self._norm("last_norm", x) if s.pre_norm else x
        x = b.node("Gather", [x, b.constant("first", 0, np.int64)], "class_token", axis=1)
        x = b.node("Tanh", [self._project("pooler", x, s.hidden, s.hidden)], "pooled")
        self._project("logits", x, s.hidden, 3)
        ids, rows = TensorProto.INT64, [batch, s.positions]
        inputs = [helper.make_tensor_value_info(name, ids, rows) for name in ("input_ids", "attention_mask")]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 3])]
        graph = helper.make_graph(b.nodes, "encoder", inputs, outputs, b.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _mask(self) -> str:
        """Return what is added to the scores, [batch, 1, 1, positions]: 0, or a large negative where nothing stands."""
        b = self.b
        wide = b.node("Unsqueeze", ["attention_mask", b.constant("mask_axes", [1, 2], np.int64)], "mask_wide")
        seen = b.node("Cast", [wide], "mask_float", to=TensorProto.FLOAT)
        hidden = b.node("Sub", [b.constant("mask_one", 1.0), seen], "mask_hidden")
        return b.node("Mul", [hidden, b.constant("mask_low", MASKED)], "mask_added")

    def _layer(self, name: str, x: str, mask: str) -> str:
        b, s = self.b, self.shape
        if s.pre_norm:
            x = b.node("Add", [x, self._attention(name, self._norm(f"{name}_attention_norm", x), mask)], f"{name}_mid")
            return b.node("Add", [x, self._feed(name, self._norm(f"{name}_norm", x))], f"{name}_sum")
        x = b.node("Add", [x, self._attention(name, x, mask)], f"{name}_attention_sum")
        x = self._norm(f"{name}_attention_norm", x)
        return self._norm(f"{name}_norm", b.node("Add", [x, self._feed(name, x)], f"{name}_sum"))

    def _attention(self, name: str, x: str, mask: str) -> str:
        b, s = self.b, self.shape
        query, key, value = (self._heads(f"{name}_{part}", x) for part in ("query", "key", "value"))
        turned = b.node("Transpose", [key], f"{name}_key_columns", perm=[0, 1, 3, 2])
        scores = b.node("MatMul", [query, turned], f"{name}_scores")
        root = b.constant(f"{name}_root", np.sqrt(s.hidden / s.heads))
        scores = b.node("Add", [b.node("Div", [scores, root], f"{name}_scaled"), mask], f"{name}_masked")
        weights = b.node("Softmax", [scores], f"{name}_weights", axis=-1)
        mixed = b.node("MatMul", [weights, value], f"{name}_mixed")
        mixed = b.node("Transpose", [mixed], f"{name}_mixed_turned", perm=[0, 2, 1, 3])
        target = b.constant(f"{name}_to_hidden", [0, s.positions, s.hidden], np.int64)
        joined = b.node("Reshape", [mixed, target], f"{name}_joined")
        return self._project(f"{name}_attention", joined, s.hidden, s.hidden)

    def _heads(self, name: str, x: str) -> str:
        b, s = self.b, self.shape
        target = b.constant(f"{name}_to_heads", [0, s.positions, s.heads, s.hidden // s.heads], np.int64)
        parts = b.node("Reshape", [self._project(name, x, s.hidden, s.hidden), target], f"{name}_heads")
        return b.node("Transpose", [parts], f"{name}_turned", perm=[0, 2, 1, 3])

    def _feed(self, name: str, x: str) -> str:
        b, hidden = self.b, self.shape.hidden
        up = self._project(f"{name}_up", x, hidden, 4 * hidden)
        root, one, half = (
            b.constant(f"{name}_{k}", v) for k, v in (("two", np.sqrt(2.0)), ("one", 1.0), ("half", 0.5))
        )
        error = b.node("Erf", [b.node("Div", [up, root], f"{name}_ratio")], f"{name}_erf")
        y = b.node("Mul", [up, b.node("Add", [error, one], f"{name}_shifted")], f"{name}_gated")
        return self._project(f"{name}_down", b.node("Mul", [y, half], f"{name}_gelu"), 4 * hidden, hidden)

    def _project(self, name: str, x: str, n_in: int, n_out: int) -> str:
        """Add a linear layer; one that reads a normalization's output gets small weights for its wide channels."""
        b, is_normal = self.b, x.endswith("norm")
        rows = b.rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)
        rows[self.outliers if is_normal else []] *= 0.1
        weight = b.constant(f"{name}_w", rows)
        bias = b.constant(f"{name}_b", b.rng.standard_normal(n_out) * 0.1)
        return b.node("Add", [b.node("MatMul", [x, weight], f"{name}_product"), bias], name)

    def _norm(self, name: str, x: str) -> str:
        b, hidden = self.b, self.shape.hidden
        gamma = b.rng.uniform(0.5, 1.5, hidden)
        gamma[self.outliers] *= 50.0
        scale = b.constant(f"{name}_gamma", gamma)
        shift = b.constant(f"{name}_beta", b.rng.standard_normal(hidden) * 0.1)
        if not self.shape.decomposed:
            return b.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=1e-12)
        mean = b.node("ReduceMean", [x], f"{name}_mean", axes=[-1], keepdims=1)
        centred = b.node("Sub", [x, mean], f"{name}_centred")
        square = b.node("Pow", [centred, b.constant(f"{name}_power", 2.0)], f"{name}_square")
        spread = b.node("ReduceMean", [square], f"{name}_variance", axes=[-1], keepdims=1)
        root = b.node(
            "Sqrt", [b.node("Add", [spread, b.constant(f"{name}_eps", 1e-12)], f"{name}_safe")], f"{name}_root"
        )
        y = b.node("Mul", [b.node("Div", [centred, root], f"{name}_normal"), scale], f"{name}_scaled")
        return b.node("Add", [y, shift], name)
