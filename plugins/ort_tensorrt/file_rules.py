"""What TensorRT would refuse in a Q/DQ file, node by node: no GPU, no library.

The pages named below are NVIDIA's "TensorRT Documentation" (10.11 and 11.x, also its "Operators" part) and "Supported
ONNX Operators" in the repository onnx/onnx-tensorrt, docs/operators.md, of TensorRT 10.15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError

if TYPE_CHECKING:
    import onnx

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
LATEST_OPSETS = {10: 24, 11: 25}
"""Major version of TensorRT -> newest ONNX opset that its documentation names."""
OLDEST_OPSET = 9


@dataclass(frozen=True)
class Refusal:
    """What would be refused.

    Attributes:
        rule: name of the rule; node: of the file, or "" for the whole file.
        reason: in words.
    """

    rule: str
    node: str
    reason: str


class QdqFile:
    """A Q/DQ file as the rules look at it."""

    def __init__(self, model: onnx.ModelProto, major: int) -> None:
        self.graph, self.major = model.graph, major
        self.opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)

    @cached_property
    def constants(self) -> Mapping[str, onnx.TensorProto]:
        """Initializers by name."""
        return {item.name: item for item in self.graph.initializer}

    @cached_property
    def pairs(self) -> list[onnx.NodeProto]:
        """All QuantizeLinear and DequantizeLinear nodes."""
        return [node for node in self.graph.node if node.op_type in (QUANTIZE, DEQUANTIZE)]

    @cached_property
    def codes(self) -> set[str]:
        """Tensors that hold codes at run time."""
        return {name for node in self.graph.node if node.op_type == QUANTIZE for name in node.output}

    def values(self, node: onnx.NodeProto, index: int) -> Any:
        """Return the array of a constant input, None where it is absent or computed."""
        from onnx import numpy_helper  # noqa: PLC0415  (realise must not load it)

        name = node.input[index] if len(node.input) > index else ""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None


def zero_point_not_zero(file: QdqFile) -> Iterator[Refusal]:
    """Every zero point is 0.

    Source: TensorRT Documentation, Operators, "Quantize" and "Dequantize"; onnx-tensorrt, docs/operators.md.
    """
    for node in file.pairs:
        zero_point = file.values(node, 2)
        if zero_point is not None and zero_point.any():
            yield Refusal("zero_point_not_zero", node.name, "its zero point is not 0: symmetric only")


def zero_point_not_constant(file: QdqFile) -> Iterator[Refusal]:
    """Zero points are known when the engine is built.

    Source: TensorRT Documentation, Operators, "Quantize": a build-time constant holding zeros.
    """
    for node in file.pairs:
        if len(node.input) > 2 and node.input[2] and file.values(node, 2) is None:
            yield Refusal("zero_point_not_constant", node.name, "its zero point is computed at run time")


def scale_not_constant(file: QdqFile) -> Iterator[Refusal]:
    """Scales are known when the engine is built.

    Source: TensorRT Documentation, Operators, "Quantize" and "Dequantize": the scale is a build-time constant.
    """
    for node in file.pairs:
        if file.values(node, 1) is None:
            yield Refusal("scale_not_constant", node.name, "its scale is computed at run time")


def scale_not_positive(file: QdqFile) -> Iterator[Refusal]:
    """Scales are greater than zero.

    Source: onnx-tensorrt, the importer of QuantizeLinear and DequantizeLinear (all scale coefficients positive).
    """
    for node in file.pairs:
        scale = file.values(node, 1)
        if scale is not None and not (scale > 0).all():
            yield Refusal("scale_not_positive", node.name, "its scale is not greater than 0")


def codes_not_int8(file: QdqFile) -> Iterator[Refusal]:
    """Activations and weights have signed 8-bit codes.

    Source: TensorRT Documentation, "Working with Quantized Types" (INT8 is signed); onnx-tensorrt, docs/operators.md
    (UINT8 only as an input or output of the network).
    """
    from onnx import TensorProto  # noqa: PLC0415  (realise must not load it)

    for node in file.pairs:
        carrier = file.constants.get(node.input[0]) or file.constants.get(node.input[2] if len(node.input) > 2 else "")
        kind = carrier.data_type if carrier is not None else TensorProto.UINT8
        if kind not in (TensorProto.INT8, TensorProto.INT32):
            name = TensorProto.DataType.Name(kind).lower()
            yield Refusal("codes_not_int8", node.name, f"its codes are {name}, TensorRT's INT8 is signed")


def int32_dequantized(file: QdqFile) -> Iterator[Refusal]:
    """A bias is float: nothing dequantizes 32-bit integers.

    Source: onnx-tensorrt, docs/operators.md, DequantizeLinear: INT8, FP8 and INT4.
    """
    from onnx import TensorProto  # noqa: PLC0415  (realise must not load it)

    for node in file.pairs:
        constant = file.constants.get(node.input[0])
        if constant is not None and constant.data_type == TensorProto.INT32:
            yield Refusal("int32_dequantized", node.name, "it dequantizes an int32 bias, TensorRT takes int8 only")


def activation_per_channel(file: QdqFile) -> Iterator[Refusal]:
    """Only weights have a scale per channel.

    Source: TensorRT Documentation, "Working with Quantized Types", granularity: activations per tensor.
    """
    for node in file.pairs:
        scale = file.values(node, 1)
        if node.input[0] not in file.constants and scale is not None and scale.size > 1:
            reason = f"it has {scale.size} scales, activations have one"
            yield Refusal("activation_per_channel", node.name, reason)


def scales_of_other_count(file: QdqFile) -> Iterator[Refusal]:
    """A weight has one scale, or one per channel of its axis; as many zero points as scales.

    Source: TensorRT Documentation, Operators, "Dequantize" (scale and zero point have one shape); onnx-tensorrt, the
    importer of DequantizeLinear (as many scales as output channels).
    """
    for node in file.pairs:
        constant, scale, zero_point = file.constants.get(node.input[0]), file.values(node, 1), file.values(node, 2)
        if scale is None:
            continue
        if zero_point is not None and zero_point.size != scale.size:
            yield Refusal("scales_of_other_count", node.name, f"{scale.size} scales, {zero_point.size} zero points")
        if constant is None or scale.size == 1:
            continue
        axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
        if not -len(constant.dims) <= axis < len(constant.dims) or constant.dims[axis] != scale.size:
            yield Refusal("scales_of_other_count", node.name, f"{scale.size} scales do not fit its axis {axis}")


def op_on_codes(file: QdqFile) -> Iterator[Refusal]:
    """Codes go from a QuantizeLinear to a DequantizeLinear and nowhere else.

    Source: onnx-tensorrt, docs/operators.md: quantized types exist only through quantization from a float type.
    """
    for node in file.graph.node:
        if node.op_type != DEQUANTIZE and any(name in file.codes for name in node.input):
            yield Refusal("op_on_codes", node.name, f"{node.op_type} works on codes, outside Q/DQ pairs")


def opset_not_documented(file: QdqFile) -> Iterator[Refusal]:
    """The file's opset lies in the range that TensorRT's parser is documented for.

    Source: onnx-tensorrt, docs/operators.md (TensorRT 10.15: 9 to 24); TensorRT Documentation 11, "ONNX Opset Guide".
    """
    latest = LATEST_OPSETS.get(file.major, max(LATEST_OPSETS.values()))
    if not OLDEST_OPSET <= file.opset <= latest:
        reason = f"opset {file.opset}; TensorRT {file.major} is documented for {OLDEST_OPSET} to {latest}"
        yield Refusal("opset_not_documented", "", reason)


Rule = Callable[[QdqFile], Iterator[Refusal]]
RULES: tuple[Rule, ...] = (
    zero_point_not_zero,
    zero_point_not_constant,
    scale_not_constant,
    scale_not_positive,
    codes_not_int8,
    int32_dequantized,
    activation_per_channel,
    scales_of_other_count,
    op_on_codes,
    opset_not_documented,
)


def judge_file(model: onnx.ModelProto, major: int = 10) -> list[Refusal]:
    """Return everything that TensorRT of a major version would refuse in a Q/DQ file; empty when it is legal."""
    file = QdqFile(model, major)
    return [refusal for rule in RULES for refusal in rule(file)]


def check_file(model: onnx.ModelProto, name: str, major: int = 10) -> None:
    """Raise ModelError, naming the first refusal and how many more there are, unless the file is legal."""
    refusals = judge_file(model, major)
    if refusals:
        first, more = refusals[0], len(refusals) - 1
        where = f"{first.node}: " if first.node else ""
        others = f" (and {more} more)" if more else ""
        raise ModelError(f"{name} would be refused by TensorRT", why=f"{where}{first.reason}{others}")
