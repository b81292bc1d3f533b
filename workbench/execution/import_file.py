"""The ONNX file that torch wrote: without the traces of the machine, and with a name for its batch axis."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnx

from workbench.files import write_bytes_atomic

_NAMELESS_AXIS = re.compile(r"s\d+")
"""What torch.export calls an axis of any length."""


def strip_traces(path: Path) -> bool:
    """Remove source lines, stack traces and paths that torch writes into the file; say if the batch is symbolic."""
    proto = onnx.load(str(path), load_external_data=False)
    for item in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.functions):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    dims = proto.graph.input[0].type.tensor_type.shape.dim if proto.graph.input else []
    if dims and _NAMELESS_AXIS.fullmatch(dims[0].dim_param):
        _rename_axis(proto.graph, dims[0].dim_param, "batch")
    write_bytes_atomic(path, proto.SerializeToString(deterministic=True))
    return bool(dims) and not dims[0].HasField("dim_value")


def _rename_axis(graph: Any, old: str, new: str) -> None:
    """Call a symbolic axis otherwise, alone and in products such as 2*s77."""
    word = re.compile(rf"\b{old}\b")
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.dim_param = word.sub(new, dim.dim_param)
