"""Shapes that fit, and the words when they do not."""

from __future__ import annotations

import pytest

from workbench.model.fit import fits, inputs_text, shape_error, shape_text
from workbench.model.graph import TensorSpec

SPEC = TensorSpec("x", "float32", ("N", 3, "width"))


@pytest.mark.parametrize(
    ("shape", "wanted", "expected"),
    [
        ((3, 4), (3, 4), True),
        ((3, 4), (3, "width"), True),
        (("height", 4), (3, 4), True),
        ((3, 5), (3, 4), False),
        ((3,), (3, 4), False),
        ((), (), True),
    ],
)
def test_known_axes_are_compared_and_names_fit_any_length(shape, wanted, expected):
    assert fits(shape, wanted) is expected


def test_errors_name_the_shapes_without_the_batch_axis():
    assert str(shape_error("a.npz", (3,), SPEC)).startswith("a.npz gives samples of [3], the input x takes [3, width]")
    assert shape_text((1, "N")) == "[1, N]"
    assert inputs_text((SPEC,)) == "x float32 [N, 3, width]"
