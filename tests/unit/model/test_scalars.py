"""Tests of workbench/model/scalars.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder
from helpers.plans import run_graph
from onnx import TensorProto, helper

from workbench.errors import DataError
from workbench.model.graph import TensorSpec
from workbench.model.load import Model, load_model, save_proto
from workbench.model.scalars import bind_inputs, scalar_values

OPS = ("Neg", "Abs")
RATE = TensorSpec("rate", "int64", ())


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def rated(folder: Path) -> Model:
    """Return a model that multiplies x by its rate."""
    b = Builder(0)
    b.node("Mul", ["x", b.node("Cast", ["rate"], "r", to=TensorProto.FLOAT)], "y")
    graph = helper.make_graph(
        b.nodes,
        "g",
        [
            helper.make_tensor_value_info("rate", TensorProto.INT64, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    )
    save_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    return load_model(folder / "m.onnx")


def test_one_value_over_all_files_becomes_a_constant(tmp_path: Path) -> None:
    files = [
        saved(tmp_path / "a.npz", x=np.ones((3, 2)), rate=np.full(3, 16000)),
        saved(tmp_path / "b.npz", x=np.ones((2, 5, 2)), rate=np.full((2, 5), 16000, np.int32)),
    ]
    model = rated(tmp_path)
    assert "Inputs without axes take one value for all samples of a study: rate." in model.notes
    values = scalar_values(model.inputs, files)
    assert (values["rate"].dtype, values["rate"].shape, int(values["rate"])) == (np.dtype(np.int64), (), 16000)
    bound = bind_inputs(model, values)
    onnx.checker.check_model(bound.proto, full_check=True)
    assert [spec.name for spec in bound.inputs] == ["x"]
    assert bound.notes[-1] == "Input rate is 16000 in all samples: it is a constant here."
    x = np.asarray([[1.0, 2.0]], np.float32)
    assert np.array_equal(run_graph(bound.proto, {"x": x}, optimized=False)["y"], x * 16000)
    assert [value.name for value in model.proto.graph.input] == ["rate", "x"]


def test_a_branch_that_a_value_settles_stands_in_its_place(tmp_path: Path) -> None:
    model = rated(tmp_path)
    value = helper.make_tensor_value_info("t", TensorProto.FLOAT, None)
    branches = [helper.make_graph([helper.make_node(op, ["x"], ["t"], name="n")], op, [], [value]) for op in OPS]
    del model.proto.graph.node[:]
    model.proto.graph.node.extend(
        [
            helper.make_node("Equal", ["rate", "rate"], ["same"], name="equal"),
            helper.make_node("If", ["same"], ["y"], name="if", then_branch=branches[0], else_branch=branches[1]),
        ]
    )
    bound = bind_inputs(model, {"rate": np.asarray(8000)})
    onnx.checker.check_model(bound.proto, full_check=True)
    assert [node.op_type for node in bound.proto.graph.node] == ["Neg"]


def test_without_such_inputs_or_their_arrays_nothing_changes(tmp_path: Path) -> None:
    model = rated(tmp_path)
    assert scalar_values([TensorSpec("x", "float32", ("N", 2))], [tmp_path / "absent.npz"]) == {}
    assert scalar_values(model.inputs, [saved(tmp_path / "a.npz", x=np.ones((3, 2)))]) == {}
    assert bind_inputs(model, {}) is model


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.asarray([8000, 16000]), r"the input rate has 2 values \(8000, 16000, ...\).*one study for each"),
        (np.asarray([0.5, 0.5]), "the value 0.5 for the input rate does not fit int64"),
    ],
)
def test_other_values_are_refused(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        scalar_values([RATE], [saved(tmp_path / "a.npz", rate=values)])
