"""Dialects are plain values: hashable, comparable, and loaded without onnx."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from workbench.quant.dialect import SIMULATED, Dialect


def test_the_simulated_dialect_is_signed_fused_and_float_biased():
    assert Dialect("int8", "fused", "float32", 13) == SIMULATED
    assert len({SIMULATED, Dialect(), Dialect(activation="uint8")}) == 2


def test_a_dialect_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        SIMULATED.opset = 17  # type: ignore[misc]


def test_the_one_field_that_changes_values_needs_unsigned_codes():
    assert Dialect("uint8", full_range_relu=True).full_range_relu
    with pytest.raises(ValueError, match="uint8"):
        Dialect("int8", full_range_relu=True)


def test_importing_it_loads_no_onnx():
    code = "import sys, workbench.quant.dialect; print('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
