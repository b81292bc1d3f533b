"""Element types of a MIL program: what is narrowed, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto
from workbench_plugins.coreml.frontend.dtypes import MIL_TYPES, NUMPY_TYPES, mil_type, narrowed
from workbench_plugins.coreml.frontend.records import RefusedError


def test_every_mil_type_has_its_numpy_type() -> None:
    assert set(MIL_TYPES.values()) == set(NUMPY_TYPES)


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.BFLOAT16, TensorProto.COMPLEX64, TensorProto.INT4])
def test_a_type_that_mil_lacks_is_refused_by_name(kind: int) -> None:
    with pytest.raises(RefusedError, match=TensorProto.DataType.Name(kind).lower()):
        mil_type(kind)


def test_wide_numbers_are_narrowed() -> None:
    assert narrowed(np.array([1, -2], np.int64)).dtype == np.int32
    assert narrowed(np.array([0.5], np.float64)).dtype == np.float32
    assert narrowed(np.array([1], np.uint8)).dtype == np.uint8


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_an_integer_beyond_32_bits_is_refused(value: int) -> None:
    with pytest.raises(RefusedError, match="32-bit"):
        narrowed(np.array([value], np.int64))
    assert narrowed(np.array([2**31 - 1, -(2**31)], np.int64)).tolist() == [2**31 - 1, -(2**31)]
