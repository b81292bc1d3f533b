"""The table of operations against the library's own definitions."""

from __future__ import annotations

import inspect

import pytest
from helpers.coreml import quiet_coremltools
from workbench_plugins.coreml.evaluator.table import OPERATIONS

NOT_MODELLED = {
    "affine",
    "classify",
    "cond",
    "const",
    "constexpr_lut_to_sparse",
    "constexpr_sparse_blockwise_shift_scale",
    "conv_quantized",
    "crop",
    "crop_resize",
    "list_gather",
    "list_length",
    "list_read",
    "list_scatter",
    "list_write",
    "make_list",
    "non_maximum_suppression",
    "random_bernoulli",
    "random_categorical",
    "random_normal",
    "random_uniform",
    "read_state",
    "while_loop",
}
"""Control flow, lists, state, random numbers, and what no ONNX model of ours lowers to; a const is folded."""


def test_every_operation_takes_every_parameter_of_ios17_and_ios18() -> None:
    pytest.importorskip("coremltools")
    ct = quiet_coremltools()
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    defined = {name: found for name, found in SSAOpRegistry.core_ops.items() if not name.startswith("_")}
    assert set(defined) == set(OPERATIONS) | NOT_MODELLED
    for name, implementation in OPERATIONS.items():
        taken = inspect.signature(implementation).parameters
        if any(item.kind is item.VAR_KEYWORD for item in taken.values()):
            continue
        for target in (ct.target.iOS17, ct.target.iOS18):
            versions = [version for version in defined[name] if version.value <= target.value]
            if versions:
                newest = defined[name][max(versions, key=lambda version: version.value)]
                assert set(newest.input_spec.input_types) <= set(taken), (name, target)
