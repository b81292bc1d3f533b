"""The dry net takes everything and loads nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from workbench_plugins.coreml.frontend.net import DryNet, as_constant, scalar


def test_a_dry_net_gives_as_many_values_as_asked_for() -> None:
    net = DryNet("iOS18")
    values = net.emit("split", "s", 3, {"x": object()})
    assert (len(values), net.target) == (3, "iOS18")
    assert len({id(value) for value in values}) == 3


def test_an_array_without_axes_is_a_number() -> None:
    assert isinstance(as_constant(np.array(2.5, np.float32)), np.float32)
    assert as_constant(np.zeros((2, 2), np.float32)[:, ::-1]).flags.c_contiguous


@pytest.mark.parametrize(("dtype", "kind"), [("fp16", np.float16), ("int32", np.int32), ("bool", np.bool_)])
def test_a_number_has_its_mil_type(dtype: str, kind: type) -> None:
    assert isinstance(scalar(1, dtype), kind)


def test_listing_what_is_unsupported_loads_no_coremltools() -> None:
    code = (
        "import sys; from onnx import parser; from workbench_plugins.coreml.frontend.convert import unsupported;"
        'model = parser.parse_model(\'<ir_version: 9, opset_import: ["" : 17]>'
        " g (float[2] x) => (float[2] y) { y = Relu(x) }');"
        "print(unsupported(model), 'coremltools' in sys.modules)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.stdout.strip() == "[] False", outcome.stderr
