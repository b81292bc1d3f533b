"""What the frontend says: the converted program with its names, or the list of what it cannot convert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_STATIC = "is not static"
"""How every cause ends that a fixed shape of an input would take away."""


class RefusedError(Exception):
    """One node has no equivalent in a MIL program; caught by the frontend and listed.

    Args:
        why: the cause, a clause without a full stop.
        remedy: what to do about it.
    """

    def __init__(self, why: str, remedy: str = "") -> None:
        self.why, self.remedy = why, remedy
        super().__init__(why)


@dataclass(frozen=True)
class Unsupported:
    """A node that cannot be converted.

    Attributes:
        node: its name, or its first output's where it has none; the tensor's for an input.
        op_type: ONNX op, with its domain where that is another than ONNX's.
        why: the cause.
        remedy: the nearest thing that helps, or "".
    """

    node: str
    op_type: str
    why: str
    remedy: str = ""


@dataclass(frozen=True)
class Converted:
    """A program, and how its names belong to the ONNX model's.

    Attributes:
        program: a MIL Program with the function "main"; built for this call alone, since conversion changes it.
        tensor_names: ONNX tensor -> MIL variable; also of weights behind a DequantizeLinear (the constexpr op's).
            Tensors folded into constants that no op reads are absent.
        node_ops: ONNX node -> names of the MIL ops it became; () where it vanished (Identity, a constant).
        inputs, outputs: ONNX name -> Core ML feature name.
        rewritten: in words, each thing that is expressed otherwise than in the ONNX model.
    """

    program: Any
    tensor_names: Mapping[str, str]
    node_ops: Mapping[str, tuple[str, ...]]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    rewritten: tuple[str, ...]
