from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers.contexts import PlainContext
from onnx import TensorProto, helper
from workbench_plugins.coreml.frontend.records import Unsupported
from workbench_plugins.coreml.lowering import PACKAGE, Job, lower, notes_of, refusal
from workbench_plugins.coreml.sidecar import load_sidecar

from workbench.errors import ModelError
from workbench.spi import GraphSummary


def test_the_package_and_its_notes(residual: Any) -> None:
    artifact = residual.prepared.artifact
    assert artifact.name == PACKAGE
    assert {item.name for item in artifact.parent.iterdir() if item.name not in ("source", "engines")} == {
        PACKAGE,
        f"{PACKAGE}.names.json",
    }
    notes = residual.prepared.notes
    assert notes["passes_removed"].startswith("distributive_quantized_binary_op_scale_normalization, int_op_")
    assert (notes["deployment_target"], notes["compute"], notes["renamed"]) == ("iOS17", "float32", "nothing")
    assert notes["neural_engine"].startswith("left out: the Neural Engine computes in float16 only")


@pytest.mark.parametrize(("plan", "compute"), [("its plan", "float16"), (None, "float32"), (None, "float16")])
def test_only_a_plan_in_float32_leaves_the_neural_engine_out(residual: Any, plan: Any, compute: str) -> None:
    sidecar = load_sidecar(residual.prepared.artifact)
    job = Job(GraphSummary((), (), ()), residual.plan if plan else None, "iOS17", compute, 1)
    assert "neural_engine" not in notes_of(sidecar, job)


def test_names_that_core_ml_does_not_take_are_told(tmp_path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("in.1", "out/2"))
    node = helper.make_node("Relu", ["in.1"], ["out/2"], "relu")
    model = helper.make_model(helper.make_graph([node], "names", [x], [y]), ir_version=8)
    model.opset_import[0].version = 17
    onnx.save(model, tmp_path / "model.onnx")
    job = Job(PlainContext(tmp_path, "fp32", model).graph, None, "iOS18", "float32", 2)
    package, sidecar = lower(tmp_path / "model.onnx", tmp_path, job)
    assert load_sidecar(package) == sidecar
    assert (sidecar.inputs["in.1"].name, sidecar.inputs["in.1"].shape) == ("in_1", (2, 3))
    assert "in.1 as in_1" in notes_of(sidecar, job)["renamed"]


def test_every_refused_node_is_counted_in_one_line() -> None:
    refused = [Unsupported(f"n{i}", "Loop", "no conversion", "unroll it") for i in range(7)]
    text = str(refusal(refused))
    assert "7 nodes have no equivalent in Core ML" in text
    assert "n0 (Loop): no conversion" in text
    assert "and 2 more" in text
    assert text.count("unroll it") == 1
    assert "\n" not in text


def test_a_model_that_cannot_be_converted_leaves_nothing(tmp_path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("x", "y"))
    node = helper.make_node("Ours", ["x"], ["y"], "strange", domain="com.example")
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(helper.make_graph([node], "odd", [x], [y]), opset_imports=imports, ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"strange \(com\.example\.Ours\)"):
        lower(tmp_path / "model.onnx", tmp_path, Job(GraphSummary((), (), ()), None, "iOS17", "float32", 1))
    assert not (tmp_path / PACKAGE).exists()
