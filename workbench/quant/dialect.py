"""How one plan is written as a Q/DQ graph for one family of runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Dialect:
    """Spelling of a Q/DQ graph. The plan's real values are the same in every dialect without `full_range_relu`.

    Attributes:
        activation: "int8" writes the plan's codes; "uint8" writes signed codes c as c + 128 with zero point + 128.
        activation_function: where the activation that follows a Conv/Gemm/Add stands:
            "fused" keeps `Conv -> Relu -> Q -> DQ`;
            "leaky_relu" writes `Conv -> Q -> DQ -> LeakyRelu(alpha=0) -> Q -> DQ` with one scale, for ReLU and for
            Clip(0, c) where the highest code already is c (same codes, no float op left on ONNX Runtime x64);
            "integer_clip" writes `Conv -> Q -> Clip on codes -> DQ`, for ReLU and any Clip with constant bounds (the
            same codes again, and faster on ONNX Runtime than a table look-up).
        bias: "float32" writes the rounded real values (TensorRT refuses anything else); "int32" writes
            codes on the grid scale_x * scale_w[c] behind a DequantizeLinear. Same reals.
        opset: version of the default ONNX domain of the file, at least 13.
        full_range_relu: a declared deviation, with uint8 activations only: tensors after ReLU get zero point 0 and
            clamp 255 in place of 127 (`passes.full_range_relu`). The one field that changes real values, those above
            the plan's clamp.
    """

    activation: Literal["int8", "uint8"] = "int8"
    activation_function: Literal["fused", "leaky_relu", "integer_clip"] = "fused"
    bias: Literal["float32", "int32"] = "float32"
    opset: int = 13
    full_range_relu: bool = False

    def __post_init__(self) -> None:
        if self.full_range_relu and self.activation != "uint8":
            raise ValueError("full_range_relu needs uint8 activations")


SIMULATED = Dialect()
"""The dialect of the simulated reference and of runtimes that read signed codes and fuse Conv -> Relu -> Q."""
