"""ONNX's own backend node tests, read from the onnx package, and its quantization ops spelled with the specification.

Nothing of ONNX's reference implementation computes here but the ordinary float ops of expanded functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests
from onnx.reference import ReferenceEvaluator

from workbench.quant.affine import Rounding, codes_of, half_even, reals_of
from workbench.quant.integer_ops import convolve, multiply, window_of

OPS = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"})
KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
EIGHT_BITS = frozenset({TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.FLOAT, TensorProto.FLOAT16})
"""Element types of an 8-bit test: codes, accumulators, and reals."""

Arrays = Sequence[Any]


@dataclass(frozen=True)
class NodeTest:
    """One test of the onnx package: a model, and inputs with the outputs it must give."""

    name: str
    folder: Path

    @property
    def model(self) -> onnx.ModelProto:
        return onnx.load(self.folder / "model.onnx")

    @property
    def element_types(self) -> set[int]:
        graph = self.model.graph
        return {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}

    def arrays(self, kind: str) -> list[np.ndarray]:
        """Return the "input" or "output" arrays of the first data set, in order."""
        count = len(list((self.folder / "test_data_set_0").glob(f"{kind}_*.pb")))
        paths = [self.folder / "test_data_set_0" / f"{kind}_{place}.pb" for place in range(count)]
        return [numpy_helper.to_array(onnx.load_tensor(path)) for path in paths]


def node_tests() -> dict[str, NodeTest]:
    """Return every test of the onnx package whose graph has one of the quantization ops, by name."""
    found = {}
    for test in (test for kind in KINDS for test in load_model_tests(kind=kind)):
        folder = Path(test.model_dir)
        if any(node.op_type in OPS for node in onnx.load(folder / "model.onnx").graph.node):
            found[test.name] = NodeTest(test.name, folder)
    return found


def run_test(test: NodeTest, rounding: Rounding = half_even) -> list[np.ndarray]:
    """Return the outputs of a test's model; the quantization ops come from the specification."""
    model = test.model
    values: dict[str, Any] = {"": None}
    values |= dict(zip((value.name for value in model.graph.input), test.arrays("input"), strict=True))
    opsets = {item.domain: item.version for item in model.opset_import}
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
    for node in model.graph.node:
        inputs = [values[name] for name in node.input]
        if node.op_type in SPECIFIED:
            attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            attributes["code_type"] = types.get(node.output[0])
            values[node.output[0]] = SPECIFIED[node.op_type](attributes, inputs, rounding)
        else:
            values.update(zip(node.output, _in_float(node, inputs, opsets), strict=True))
    return [values[value.name] for value in model.graph.output]


def _in_float(node: onnx.NodeProto, inputs: Arrays, opsets: dict[str, int]) -> list[Any]:
    named = dict(zip(node.input, inputs, strict=True))
    infos = [[helper.make_empty_tensor_value_info(name) for name in names] for names in (named, node.output)]
    graph = helper.make_graph([node], "one", *infos)
    return list(ReferenceEvaluator(graph, opsets=opsets).run(None, named))


def _spread(values: Any, x: np.ndarray, attributes: Mapping[str, Any]) -> Any:
    """Return scales or zero points so that they broadcast against x: one, one per index of an axis, or blocks."""
    if values is None or values.ndim == 0 or values.size == 1:
        return 0 if values is None else values.reshape(())
    axis = attributes.get("axis", 1)
    if attributes.get("block_size", 0):
        return np.repeat(values, attributes["block_size"], axis)
    return values.reshape([-1 if place == axis % x.ndim else 1 for place in range(x.ndim)])


def _quantize_linear(attributes: Mapping[str, Any], inputs: Arrays, rounding: Rounding) -> np.ndarray:
    x, scale, zero_point = (*inputs, None)[:3]
    dtype = zero_point.dtype if zero_point is not None else helper.tensor_dtype_to_np_dtype(attributes["code_type"])
    limits = np.iinfo(dtype)
    scale, zero = _spread(scale, x, attributes), _spread(zero_point, x, attributes)
    return codes_of(x, scale, zero, (limits.min, limits.max), rounding).astype(dtype)


def _dequantize_linear(attributes: Mapping[str, Any], inputs: Arrays, rounding: Rounding) -> np.ndarray:
    codes, scale, zero_point = (*inputs, None)[:3]
    return reals_of(codes, _spread(scale, codes, attributes), _spread(zero_point, codes, attributes))


def _steps(codes: np.ndarray, zero_point: Any, axis: int | None = None) -> np.ndarray:
    zero = np.asarray(0 if zero_point is None else zero_point, np.int64)
    if zero.size > 1 and axis is not None:
        zero = zero.reshape([-1 if place == axis % codes.ndim else 1 for place in range(codes.ndim)])
    return codes.astype(np.int64) - zero


def _convolved(attributes: Mapping[str, Any], x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    window = window_of(attributes, weight.shape[2:], x.shape[2:])
    return convolve(x, weight, window, attributes.get("group", 1))


def _conv_integer(attributes: Mapping[str, Any], inputs: Arrays, rounding: Rounding) -> np.ndarray:
    x, weight, x_zero, w_zero = (*inputs, None, None)[:4]
    return _convolved(attributes, _steps(x, x_zero), _steps(weight, w_zero, 0)).astype(np.int32)


def _matmul_integer(attributes: Mapping[str, Any], inputs: Arrays, rounding: Rounding) -> np.ndarray:
    left, right, left_zero, right_zero = (*inputs, None, None)[:4]
    return multiply(_steps(left, left_zero, -2), _steps(right, right_zero, -1)).astype(np.int32)


def _requantized(sums: np.ndarray, grid: np.ndarray, scale: Any, zero_point: Any, rounding: Rounding) -> np.ndarray:
    limits = np.iinfo(zero_point.dtype)
    codes = codes_of(reals_of(sums, grid), scale, zero_point, (limits.min, limits.max), rounding)
    return codes.astype(zero_point.dtype)


def _qlinear_conv(attributes: Mapping[str, Any], inputs: Arrays, rounding: Rounding) -> np.ndarray:
    x, x_scale, x_zero, weight, w_scale, w_zero, y_scale, y_zero, bias = (*inputs, None)[:9]
    sums = _convolved(attributes, _steps(x, x_zero), _steps(weight, w_zero, 0))
    channels = (1, -1, *[1] * (sums.ndim - 2))
    if bias is not None:
        sums = sums + bias.astype(np.int64).reshape(channels)
    grid = np.asarray(np.float32(x_scale) * w_scale.astype(np.float32)).reshape(channels)
    return _requantized(sums, grid, y_scale, y_zero, rounding)


def _qlinear_matmul(attributes: Mapping[str, Any], inputs: Arrays, rounding: Rounding) -> np.ndarray:
    left, l_scale, l_zero, right, r_scale, r_zero, y_scale, y_zero = inputs
    sums = multiply(_steps(left, l_zero, -2), _steps(right, r_zero, -1))
    return _requantized(sums, np.float32(l_scale) * np.float32(r_scale), y_scale, y_zero, rounding)


SPECIFIED: dict[str, Callable[[Mapping[str, Any], Arrays, Rounding], np.ndarray]] = {
    "QuantizeLinear": _quantize_linear,
    "DequantizeLinear": _dequantize_linear,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
    "ConvInteger": _conv_integer,
    "MatMulInteger": _matmul_integer,
}
