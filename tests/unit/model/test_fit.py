"""Shapes that fit, and the words when they do not."""

from __future__ import annotations

import pytest

from workbench.errors import DataError
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


IMAGE = TensorSpec("x", "float32", ("N", 3, 32, 24))
LAST = TensorSpec("x", "float32", ("N", 32, 24, 3))


@pytest.mark.parametrize(
    ("shape", "spec", "rows", "hint"),
    [
        ((32, 24, 3), IMAGE, None, 'layout = "NCHW"'),
        ((3, 32, 24), LAST, None, 'layout = "NHWC"'),
        ((1, 32, 24), IMAGE, None, 'color = "RGB"'),
        ((32, 24, 1), LAST, None, 'color = "RGB"'),
        ((3, 32, 24), TensorSpec("x", "float32", ("N", 1, 32, 24)), None, 'color = "GRAY"'),
        ((3, 30, 24), IMAGE, None, "sizes in"),
        ((32, 24, 3), IMAGE, 8, r"transpose\(0, 3, 1, 2\)"),
        ((3, 32, 24), LAST, 8, r"transpose\(0, 2, 3, 1\)"),
        ((32, 24), IMAGE, 3, r"array\[numpy.newaxis\]"),
        ((1, 3, 32, 24), IMAGE, 8, r"array\[:, 0\]"),
        ((32, 24), IMAGE, 8, "first axis of an array"),
    ],
)
def test_errors_say_the_likely_cause(shape, spec, rows, hint):
    with pytest.raises(DataError, match=hint):
        raise shape_error("a.npz", shape, spec, rows=rows)
