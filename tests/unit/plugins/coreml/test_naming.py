from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.coreml.frontend.records import Converted
from workbench_plugins.coreml.naming import input_features, plan_names
from workbench_plugins.coreml.sidecar import load_sidecar


def copied() -> onnx.ModelProto:
    """A quantized input whose reshaped copy is quantized again, and an Add of a planned bias."""
    constants = [numpy_helper.from_array(np.float32(1), f"{name}__scale") for name in ("x", "copy")]
    constants += [numpy_helper.from_array(np.ones(3, np.float32), "b__added")]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x__scale", "zero"], ["x__quantized"]),
        helper.make_node("DequantizeLinear", ["x__quantized", "x__scale", "zero"], ["x__dequantized"]),
        helper.make_node("Reshape", ["x__dequantized", "shape"], ["copy"]),
        helper.make_node("QuantizeLinear", ["copy", "copy__scale", "zero"], ["copy__quantized"]),
        helper.make_node("Add", ["copy", "b__added"], ["sum"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    fixed = helper.make_tensor_value_info("state", TensorProto.INT64, [2])
    return helper.make_model(helper.make_graph(nodes, "copied", [x, fixed], [], constants))


def converted(names: list[str]) -> Converted:
    return Converted(None, {name: f"v_{name}" for name in names}, {}, {}, {}, ())


def test_a_tensor_is_known_by_its_codes_and_by_its_values() -> None:
    found = plan_names(copied(), converted(["x", "x__quantized", "copy", "copy__quantized", "sum"]))
    assert found.tensors == {"v_x__quantized": "x", "v_x": "x", "v_copy__quantized": "copy", "v_copy": "copy"}
    assert found.same_codes == {"copy": "x"}
    assert found.biases == {"v_sum": ("b", 3)}


def test_only_a_free_first_axis_is_a_batch() -> None:
    model, fixed = copied(), copied()
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    found = input_features(model, fixed, {"x": "x_1", "state": "state"})
    assert (found["x"].name, found["x"].shape, found["x"].batched) == ("x_1", (4, 3), True)
    assert (found["state"].dtype, found["state"].batched) == ("int64", False)


def test_every_canonical_node_has_a_row(residual: Any) -> None:
    sidecar = load_sidecar(residual.prepared.artifact)
    assert [node.name for node in sidecar.nodes] == [node.name for node in residual.canonical.graph.node]
    assert all(node.quantized for node in sidecar.nodes if node.op_type in ("Conv", "Gemm", "Add"))
    assert {len(sidecar.weights), len(sidecar.biases)} == {6}
    assert sidecar.outputs["logits"].batched
