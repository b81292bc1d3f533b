"""A program as plain records: functions, blocks, operations, typed values with numpy constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Constant: TypeAlias = npt.NDArray[Any] | str | tuple[Any, ...]
"""Numbers and bools are read-only arrays, a text is a str, texts and lists are tuples."""


@dataclass(frozen=True)
class DataType:
    """One element type of MIL.

    Attributes:
        name: as MIL spells it, such as "float16" or "int4".
        storage: numpy dtype that holds one element; types of less than 8 bits are held in 8.
        bits: of one element in a file.
    """

    name: str
    storage: np.dtype[Any]
    bits: int


@dataclass(frozen=True)
class ValueType:
    """Type of a value.

    Attributes:
        kind: "tensor", "state" (a tensor that lives between calls) or "list" (of such tensors).
        dtype: element type's name, such as "float32"; "string" for texts.
        shape: () for a scalar; None where a dimension is known at run time only.
    """

    kind: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Variable:
    """A named value: an input or an operation's output."""

    name: str
    type: ValueType


@dataclass(frozen=True)
class Literal:
    """A constant written where an argument stands."""

    value: Constant


Argument: TypeAlias = str | Literal
"""A value's name, or a constant written in its place."""


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        type: MIL's name, such as "conv".
        name: the operation's own name; the first output's where it has none.
        inputs: parameter -> its arguments; more than one for parameters such as concat's `values`.
        outputs: in order.
        attributes: constants beside the inputs: a const's `val`, the parameters of iOS17's constexpr operations.
        blocks: nested blocks of cond and while_loop.
    """

    type: str
    name: str
    inputs: Mapping[str, tuple[Argument, ...]]
    outputs: tuple[Variable, ...]
    attributes: Mapping[str, Constant]
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Block:
    """Operations in the order of their execution; `outputs` are names."""

    inputs: tuple[Variable, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Function:
    """One entry point.

    Attributes:
        opset: as the file names it, such as "CoreML7" (iOS17) or "CoreML8" (iOS18).
    """

    inputs: tuple[Variable, ...]
    opset: str
    block: Block


@dataclass(frozen=True)
class Program:
    """What a package holds.

    Attributes:
        specification_version: 8 for iOS17, 9 for iOS18.
        functions: by name; `main` is the one that runs unless another is named.
    """

    specification_version: int
    functions: Mapping[str, Function]

    @property
    def main(self) -> Function:
        """The function "main", or the only one."""
        return self.functions["main"] if "main" in self.functions else next(iter(self.functions.values()))


def operations(block: Block) -> Iterator[Operation]:
    """Yield all operations of a block and of the blocks within, in file order."""
    for operation in block.operations:
        yield operation
        for nested in operation.blocks:
            yield from operations(nested)


def constants(block: Block) -> dict[str, Constant]:
    """Map the outputs of all const operations, nested ones included, to their values."""
    found = (operation for operation in operations(block) if operation.type == "const")
    return {operation.outputs[0].name: operation.attributes["val"] for operation in found}


def parameter(operation: Operation, name: str, known: Mapping[str, Constant]) -> Constant | None:
    """Return a constant parameter of an operation, None where it is absent or computed.

    Args:
        known: as `constants` of the function's block returns them.
    """
    if name in operation.attributes:
        return operation.attributes[name]
    arguments = operation.inputs.get(name, ())
    if len(arguments) != 1:
        return None
    return arguments[0].value if isinstance(arguments[0], Literal) else known.get(arguments[0])
