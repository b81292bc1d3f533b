"""Positions and weights of resampling: laws that hold for every size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.frontend.grid import Axis, nearest, positions, weights

SIZES = st.integers(1, 12)


@given(SIZES, SIZES, st.sampled_from(["linear", "cubic"]), st.booleans())
def test_weights_of_an_output_add_up_to_one(size: int, out: int, mode: str, antialias: bool) -> None:
    axis = Axis(size, out, out / size)
    matrix = weights(axis, positions(axis, "half_pixel"), mode, -0.75, False, antialias)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-9)


@given(SIZES, st.sampled_from(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]))
def test_the_same_size_changes_nothing(size: int, transform: str) -> None:
    axis = Axis(size, size, 1.0)
    where = positions(axis, transform)
    if transform != "pytorch_half_pixel" or size > 1:
        np.testing.assert_allclose(where, np.arange(size), atol=1e-12)
        np.testing.assert_allclose(weights(axis, where, "linear", 0, False, False), np.eye(size), atol=1e-9)


@given(SIZES, SIZES, st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]))
def test_the_nearest_element_exists(size: int, out: int, mode: str) -> None:
    chosen = nearest(positions(Axis(size, out, out / size), "half_pixel"), size, mode)
    assert ((chosen >= 0) & (chosen < size)).all()
    assert (np.diff(chosen) >= 0).all()


def test_ties_go_where_the_mode_says() -> None:
    where = np.array([0.5, 1.5])
    assert nearest(where, 4, "round_prefer_floor").tolist() == [0, 1]
    assert nearest(where, 4, "round_prefer_ceil").tolist() == [1, 2]


def test_an_unknown_transform_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        positions(Axis(2, 4, 2.0), "by_ear")
