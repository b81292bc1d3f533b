"""One ONNX node on ONNX Runtime: an independent computation for operations of other runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import helper


def onnx_results(
    op_type: str, inputs: Sequence[Any], outputs: int = 1, opset: int = 20, **attributes: Any
) -> list[Any]:
    """Return what ONNX Runtime's CPU kernel computes; None stands for an input that is left out."""
    names = ["" if value is None else f"x{place}" for place, value in enumerate(inputs)]
    given = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True) if name}
    results = [f"y{place}" for place in range(outputs)]
    node = helper.make_node(op_type, names, results, **attributes)
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in given.items()
    ]
    graph = helper.make_graph([node], "one", infos, [helper.make_empty_tensor_value_info(name) for name in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, given))
