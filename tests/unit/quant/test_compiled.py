"""Text that LLVM compiles runs, and text that it does not know is refused."""

from __future__ import annotations

import ctypes

import pytest

from workbench.quant.compiled import compiled

PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def test_a_function_of_the_text_can_be_called() -> None:
    text = "define i64 @twice(i64 %x) {\n  %y = add i64 %x, %x\n  ret i64 %y\n}\n"
    twice = compiled(text, PROTOTYPE, "twice")["twice"]
    assert twice(21) == 42
    assert compiled(text, PROTOTYPE, "twice")["twice"] is twice


def test_a_text_with_a_mistake_is_refused() -> None:
    with pytest.raises(RuntimeError, match="parsing error"):
        compiled("define i64 @twice(i64 %x) { ret i64 %y }", PROTOTYPE, "twice")
