"""The file torch wrote: no traces of the machine, and a batch axis with a name."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from helpers.onnx_models import conv_relu_net

from workbench.execution.import_file import strip_traces


@pytest.mark.parametrize(
    ("batch", "kept", "dynamic"), [("s77", "batch", True), ("N", "N", True), ("my s77", "my s77", True), (4, 4, False)]
)
def test_a_nameless_batch_is_named_and_traces_go(
    batch: str | int, kept: str | int, dynamic: bool, tmp_path: Path
) -> None:
    proto = conv_relu_net(batch=batch)
    proto.graph.node[0].doc_string = "/home/me/net.py: line 3"
    proto.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/home/me/net.py")
    proto.graph.input[0].metadata_props.add(key="k", value="v")
    onnx.save(proto, tmp_path / "m.onnx")
    assert strip_traces(tmp_path / "m.onnx") is dynamic
    found = onnx.load(tmp_path / "m.onnx")
    assert b"/home/me" not in (tmp_path / "m.onnx").read_bytes()
    for value in (found.graph.input[0], found.graph.output[0]):
        dim = value.type.tensor_type.shape.dim[0]
        assert (dim.dim_param or dim.dim_value) == kept


def test_products_of_the_batch_are_renamed_too(tmp_path: Path) -> None:
    proto = conv_relu_net(batch="s7")
    proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "2*s7 + s77"
    onnx.save(proto, tmp_path / "m.onnx")
    strip_traces(tmp_path / "m.onnx")
    dim = onnx.load(tmp_path / "m.onnx").graph.output[0].type.tensor_type.shape.dim[0]
    assert dim.dim_param == "2*batch + s77"
