"""Words for what was done to a model and its plan."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.report.transforms import transform_lines

CORRECTION: dict[str, Any] = {
    "kind": "bias_correction",
    "samples": 32,
    "kept": True,
    "channels": {"one": 1200, "two": 0, "three": 34},
    "sqnr_db": {"before": 9.0978, "after": 16.41},
}


def test_kinds_are_counted_in_order() -> None:
    entries = [{"kind": "zero_bias"}, {"kind": "fold_batch_norm"}, {"kind": "zero_bias"}]
    assert transform_lines(entries) == ["fold_batch_norm (1)", "zero_bias (2)"]
    assert transform_lines([]) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "bias correction on 32 calibration samples: 1,234 channels of 2 layers "
            "(SQNR there 9.1 dB without, 16.4 dB with it)",
        ),
        (
            {"kept": False, "sqnr_db": {"before": None, "after": 20.0}},
            "bias correction on 32 calibration samples: tried and taken back, no gain beyond chance "
            "(SQNR there exact without, 20.0 dB with it)",
        ),
    ],
)
def test_a_correction_says_what_it_was_worth(changes: dict[str, Any], line: str) -> None:
    assert transform_lines([{"kind": "copy_initializer"}, {**CORRECTION, **changes}]) == ["copy_initializer (1)", line]


def test_rounding_says_how_many_weights() -> None:
    assert transform_lines([{"kind": "gptq", "samples": 16, "layers": 28}]) == [
        "GPTQ rounding of 28 weights on 16 calibration samples"
    ]


def test_equalization_says_how_many_channels() -> None:
    (line,) = transform_lines([{"kind": "equalize_activations", "tensors": {"a": "0012", "b": "g0"}}])
    assert line.startswith("activation equalization: 3 channels of 2 tensors scaled up")


def test_smoothing_tells_what_moved_and_what_has_no_place() -> None:
    entry = {"kind": "smoothing", "alpha": 0.5, "tensors": {"n": ["g", "b", "w"]}, "left": {}}
    assert transform_lines([entry]) == ["smoothing 0.5: ranges of 1 tensors moved into the weights"]
    left = {"a": "an Add reads it too", "b": "it is an input of the graph", "c": "the graph gives it out"}
    (line,) = transform_lines([{**entry, "left": left}])
    assert line.endswith("3 inputs of layers left as they are (a: an Add reads it too; b: it is an input of the graph)")
