"""Rows times columns is the layer: against ONNX Runtime, for every form a Conv, Gemm or MatMul can have."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder
from helpers.plans import run_graph

from workbench.model.summary import graph_summary
from workbench.quant.rows import as_rows, columns, from_rows

CONVS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((1, 4, 9, 8), (6, 4, 3, 3), {}),
    ((1, 4, 9, 8), (6, 4, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ((1, 4, 9, 8), (6, 2, 3, 3), {"group": 2, "dilations": [2, 1], "pads": [2, 1, 2, 1]}),
    ((1, 4, 9, 8), (4, 1, 3, 3), {"group": 4, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((1, 4, 9, 8), (4, 4, 2, 2), {"auto_pad": "SAME_LOWER"}),
    ((1, 4, 9, 8), (4, 4, 2, 2), {"auto_pad": "VALID"}),
    ((2, 3, 11), (5, 3, 4), {"pads": [1, 2]}),
    ((1, 2, 5, 6, 7), (3, 2, 2, 3, 2), {"strides": [1, 2, 1]}),
    ((1, 2, 200, 90), (3, 2, 3, 3), {}),  # more positions than one block
]


def layer(op: str, x: tuple[int, ...], w: tuple[int, ...], attributes: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    b = Builder(0)
    b.node(op, ["x", b.weight("w", *w)], "y", **attributes)
    model = rule_nets.model_of(b, {"x": x}, ["y"])
    values = np.random.default_rng(1).normal(size=x).astype(np.float32)
    weight = onnx.numpy_helper.to_array(model.graph.initializer[0])
    return graph_summary(model).nodes[0], values, weight, run_graph(model, {"x": values})["y"]


@pytest.mark.parametrize(("x", "w", "attributes"), CONVS)
def test_a_conv_is_rows_times_columns(x: tuple[int, ...], w: tuple[int, ...], attributes: dict[str, Any]) -> None:
    node, values, weight, expected = layer("Conv", x, w, attributes)
    rows = as_rows(node, weight)
    blocks = [block.astype(np.float64) for block in columns(node, values, w[2:])]
    assert len(blocks) > 1 or values.size < 10_000
    flat = rows.reshape(*rows.shape[:2], -1).astype(np.float64)
    got = np.concatenate([(flat @ block).reshape(w[0], x[0], -1) for block in blocks], axis=2)
    np.testing.assert_allclose(got.transpose(1, 0, 2).reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(from_rows(node, rows, weight.shape), weight)


@pytest.mark.parametrize(
    ("op", "x", "w", "attributes"),
    [
        ("Gemm", (3, 8), (5, 8), {"transB": 1}),
        ("Gemm", (3, 8), (8, 5), {}),
        ("MatMul", (2, 3, 8), (8, 5), {}),
    ],
)
def test_a_linear_layer_is_rows_times_columns(
    op: str, x: tuple[int, ...], w: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    node, values, weight, expected = layer(op, x, w, attributes)
    rows = as_rows(node, weight)
    assert rows.shape == (1, 5, 8, 1)
    (block,) = columns(node, values, ())
    np.testing.assert_allclose((rows[0, :, :, 0] @ block[0]).T.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(from_rows(node, rows, weight.shape), weight)
