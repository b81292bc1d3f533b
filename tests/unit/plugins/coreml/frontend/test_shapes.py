"""The batch is fixed where the model leaves it free, and nothing else is."""

from __future__ import annotations

from onnx import TensorProto, helper
from workbench_plugins.coreml.frontend.convert import unsupported
from workbench_plugins.coreml.frontend.shapes import with_batch


def model_of(*shapes: tuple[object, ...]):
    inputs = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", None])
    graph = helper.make_graph([helper.make_node("Relu", ["x0"], ["y"], name="relu")], "one", inputs, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def shapes_of(model) -> list[list[object]]:
    dimensions = [value.type.tensor_type.shape.dim for value in model.graph.input]
    return [[d.dim_value if d.HasField("dim_value") else d.dim_param for d in each] for each in dimensions]


def test_the_batch_symbol_becomes_the_batch_wherever_it_stands() -> None:
    fixed = with_batch(model_of(("N", 3), (7, "N"), (2, 2)), 4)
    assert shapes_of(fixed) == [[4, 3], [7, 4], [2, 2]]


def test_another_symbol_stays_free_and_is_named() -> None:
    fixed = with_batch(model_of(("N", "length")), 1)
    assert shapes_of(fixed) == [[1, "length"]]
    assert [item.node for item in unsupported(fixed)] == ["x0"]


def test_the_model_itself_is_not_changed() -> None:
    model = model_of(("N", 3))
    before = model.SerializeToString()
    with_batch(model, 2)
    assert model.SerializeToString() == before
