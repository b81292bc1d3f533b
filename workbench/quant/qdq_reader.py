"""Reads every quantization parameter back from a Q/DQ ONNX file, knowing nothing of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from workbench.errors import ModelError
from workbench.quant.parity import RealisedParameters
from workbench.quant.passes.draft import ADDED, CODES, DEQUANTIZED, SCALE
from workbench.quant.plan import TensorParameters, WeightParameters

BIASED_OPS = frozenset({"Conv", "ConvTranspose", "Gemm"})
DEFAULT_AXIS = 1
CODE_RANGES: dict[str, tuple[int, int]] = {"int8": (-128, 127), "uint8": (0, 255)}


def read_qdq(artifact: Path) -> RealisedParameters:
    """Read tensors, weights and biases from a Q/DQ file, in the file's own dtypes.

    Names are those of the scale and codes initializers without their suffix. Biases are those of Conv, ConvTranspose
    and Gemm nodes whose weight is dequantized, and those of Adds, told by their name; an int32 bias is given as
    float32(code) * scale.
    A tensor whose Q and DQ nodes disagree appears a second time as "<T> at <node>".

    Raises:
        ModelError: the file is missing, damaged, not ONNX, or a quantization parameter is not a constant.
    """
    graph = _load(artifact).graph
    reader = _Reader(artifact.name, {item.name: item for item in graph.initializer})
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            reader.quantization(node)
        elif node.op_type == "Clip":
            reader.clip(node)
    dequantized = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    for node in graph.node:
        if node.op_type in BIASED_OPS and len(node.input) > 2 and node.input[1] in dequantized:
            reader.float_bias(node.input[2], node.input[2])
        for name in node.input if node.op_type == "Add" else ():
            if str(name).endswith(ADDED):
                reader.float_bias(name, name.removesuffix(ADDED))
    return RealisedParameters(reader.tensors, reader.weights, reader.biases)


@dataclass
class _Reader:
    """Collects parameters node by node."""

    file_name: str
    initializers: Mapping[str, onnx.TensorProto]
    tensors: dict[str, TensorParameters] = field(default_factory=dict)
    weights: dict[str, WeightParameters] = field(default_factory=dict)
    biases: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    quantizers: dict[str, tuple[str, TensorParameters]] = field(default_factory=dict)
    """Tensor of codes -> the plan's name and the parameters with which it was quantized."""

    def clip(self, node: onnx.NodeProto) -> None:
        """A Clip on codes hands them on."""
        if node.input and node.input[0] in self.quantizers:
            self.quantizers.update(dict.fromkeys(node.output, self.quantizers[node.input[0]]))

    def quantization(self, node: onnx.NodeProto) -> None:
        if len(node.input) < 3 or len(node.output) != 1:
            raise self._error(f"{node.name or node.op_type} has no zero point or no output")
        if node.op_type == "DequantizeLinear" and node.input[0] in self.initializers:
            self._constant(node)
        else:
            self._activation(node)

    def float_bias(self, name: str, planned: str) -> None:
        if name in self.initializers:
            values = self._array(name)
            self.biases[planned] = values.astype(np.float32).reshape(-1)

    def _constant(self, node: onnx.NodeProto) -> None:
        codes, scale, zero_point = (self._array(name) for name in node.input[:3])
        name = node.input[0].removesuffix(CODES)
        if codes.dtype == np.int32:
            if scale.shape != codes.shape:
                raise self._error(f"{name} has {codes.size} codes and {scale.size} scales")
            self.biases[name] = codes.astype(np.float32) * scale.astype(np.float32)
        else:
            axis = next((item.i for item in node.attribute if item.name == "axis"), DEFAULT_AXIS)
            self.weights[name] = WeightParameters(scale, zero_point, axis, codes, str(codes.dtype))

    def _activation(self, node: onnx.NodeProto) -> None:
        scale, zero_point = self._array(node.input[1]), self._array(node.input[2])
        if scale.size != 1 or zero_point.size != 1 or str(zero_point.dtype) not in CODE_RANGES:
            raise self._error(f"{node.name or node.op_type} has parameters this program does not write")
        name = _tensor_name(node)
        dtype = str(zero_point.dtype)
        found = TensorParameters(float(scale.item()), int(zero_point.item()), dtype, None, CODE_RANGES[dtype])
        if self.tensors.setdefault(name, found) != found:
            self.tensors[f"{name} at {node.name}"] = found
        if node.op_type == "QuantizeLinear":
            self.quantizers[node.output[0]] = name, found
            return
        quantized, expected = self.quantizers.get(node.input[0], (name, found))
        if expected != found:
            self.tensors[f"{quantized} at {node.name}"] = found

    def _array(self, name: str) -> npt.NDArray[Any]:
        if name not in self.initializers:
            raise self._error(f"{name} is not a constant")
        try:
            return numpy_helper.to_array(self.initializers[name])
        except (ValueError, TypeError, KeyError, OSError, onnx.checker.ValidationError) as error:
            raise self._error(f"{name} cannot be read") from error

    def _error(self, why: str) -> ModelError:
        return ModelError(f"{self.file_name} is not a Q/DQ file of ours", why=why, how="Lower the plan again.")


def _tensor_name(node: onnx.NodeProto) -> str:
    scale: str = node.input[1]
    if scale.endswith(SCALE):
        return scale.removesuffix(SCALE)
    name: str = node.input[0] if node.op_type == "QuantizeLinear" else node.output[0]
    return name.removesuffix(DEQUANTIZED)


def _load(artifact: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(artifact)
    except OSError as error:
        raise ModelError(f"{artifact.name} cannot be read", why=error.strerror or str(error)) from error
    except (DecodeError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{artifact.name} is not an ONNX file", why="it is cut off or something else") from error
    if not model.graph.node:
        raise ModelError(f"{artifact.name} is not an ONNX file", why="it holds no graph")
    return model
