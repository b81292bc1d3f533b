"""Pads of every form as numbers: a convolution's output size comes out as ONNX infers it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.frontend.windows import Window, ends_for, split


@pytest.mark.parametrize(("auto", "wanted"), [("SAME_UPPER", ((1, 1), (2, 1))), ("SAME_LOWER", ((2, 1), (1, 1)))])
def test_an_odd_pad_goes_to_its_side(auto: str, wanted: tuple[tuple[int, ...], ...]) -> None:
    assert split([3, 2], auto) == wanted


@given(st.lists(st.integers(0, 50), min_size=1, max_size=3), st.sampled_from(["SAME_UPPER", "SAME_LOWER"]))
def test_a_split_pad_adds_up(totals: list[int], auto: str) -> None:
    begins, ends = split(totals, auto)
    assert (np.add(begins, ends) == totals).all()
    assert (np.abs(np.subtract(begins, ends)) <= 1).all()


def test_pads_interleave_for_mil() -> None:
    window = Window((3, 5), (1, 1), (2, 1), (1, 2), (3, 4))
    assert window.pad == [1, 3, 2, 4]
    assert window.spans == (5, 5)


@given(st.integers(4, 40), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2))
def test_ends_give_just_the_windows_asked_for(size: int, kernel: int, stride: int, begin: int) -> None:
    window = Window((kernel,), (stride,), (1,), (begin,), (0,))
    wanted = -(-(size + begin - kernel) // stride) + 1
    (end,) = ends_for(window, (size,), (wanted,))
    assert (size + begin + end - kernel) // stride + 1 == wanted
