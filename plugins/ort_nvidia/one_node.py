"""Run as a program of its own: does ONNX Runtime really take a provider? One Conv, one run, JSON on stdout.

Arguments: the provider's name and a JSON list of libraries to load first. Asking for a provider that cannot start
gives a session on the CPU without an exception, so the session is asked what it got.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Sequence
from typing import Any


def one_conv() -> bytes:
    """Return a model of one Conv: x float32 [1,1,4,4] -> y float32 [1,1,4,4]."""
    from onnx import TensorProto, helper  # noqa: PLC0415  (with the next)

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in ("x", "y")]
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 1, 1], [2.0])
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv")
    graph = helper.make_graph([node], "one_conv", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    content: bytes = model.SerializeToString()
    return content


def run_one_node(provider: str) -> dict[str, Any]:
    """Open one Conv on a provider and run it once.

    Returns:
        {"providers": what the session got, "nodes": providers that took the node, "error": "" or the error's line}.
    """
    import numpy as np  # noqa: PLC0415  (only in this program)
    import onnxruntime as ort  # noqa: PLC0415  (only in this program)

    answer: dict[str, Any] = {"providers": [], "nodes": [], "error": ""}
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        session = ort.InferenceSession(one_conv(), options, providers=[provider])
        answer["providers"] = session.get_providers()
        answer["nodes"] = [part.ep_name for part in session.get_provider_graph_assignment_info()]
        session.run(None, {"x": np.ones((1, 1, 4, 4), np.float32)})
    except Exception as error:  # noqa: BLE001  (whatever the provider raises is the answer)
        answer["error"] = str(error).splitlines()[0] if str(error) else type(error).__name__
    return answer


def main(arguments: Sequence[str]) -> None:
    """Load the libraries, ask, print the answer as the last line."""
    for path in json.loads(arguments[1]):
        ctypes.CDLL(path)
    answer = run_one_node(arguments[0])
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
