"""Looking constants up in a program's records."""

from __future__ import annotations

import numpy as np
from workbench_plugins.coreml.package.program import (
    Block,
    Function,
    Literal,
    Operation,
    Program,
    ValueType,
    Variable,
    constants,
    operations,
    parameter,
)

SCALAR = ValueType("tensor", "float32", ())
HALF = np.float32(0.5).reshape(())


def const(name: str) -> Operation:
    return Operation("const", name, {}, (Variable(name, SCALAR),), {"val": HALF})


def test_constants_of_nested_blocks_are_found() -> None:
    inner = Block((), ("b",), (const("b"),))
    outer = Block((), ("a",), (const("a"), Operation("cond", "c", {}, (), {}, (inner,))))
    assert [operation.name for operation in operations(outer)] == ["a", "c", "b"]
    assert set(constants(outer)) == {"a", "b"}


def test_a_parameter_is_found_wherever_it_stands() -> None:
    op = Operation("mul", "m", {"x": ("in",), "y": ("a",), "z": (Literal("text"),)}, (), {"axis": HALF})
    known = {"a": HALF}
    assert parameter(op, "axis", known) is HALF
    assert parameter(op, "y", known) is HALF
    assert parameter(op, "z", known) == "text"
    assert parameter(op, "x", known) is None
    assert parameter(op, "absent", known) is None


def test_main_is_the_function_of_that_name_or_the_only_one() -> None:
    first, second = (Function((), opset, Block((), (), ())) for opset in ("CoreML7", "CoreML8"))
    assert Program(9, {"other": first, "main": second}).main is second
    assert Program(9, {"other": first}).main is first
