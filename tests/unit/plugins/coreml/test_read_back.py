import functools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.contexts import lowered
from helpers.coreml_edits import edit_package
from helpers.rule_nets import planned_rule
from workbench_plugins.coreml import lowering, pipeline
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.read_back import parameters_of, read_parameters
from workbench_plugins.coreml.runtime import CoreMlRuntime
from workbench_plugins.coreml.sidecar import load_sidecar

from workbench.errors import ModelError
from workbench.quant.parity import compare_with_plan

HARMLESS = "common::const_deduplication"


def test_every_parameter_is_the_plans(residual: Any) -> None:
    found = read_parameters(residual.prepared.artifact)
    checked, mismatches = compare_with_plan(residual.plan, found)
    assert (checked, mismatches) == (23, [])
    assert found.weights["stem_w"].codes.dtype == np.int8


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
@pytest.mark.parametrize("name", ["shared weight", "gemm", "conv transpose", "matmul and bias"])
def test_other_layers_and_both_targets(name: str, target: str, tmp_path: Path) -> None:
    canonical, plan = planned_rule(name)
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, tmp_path, {"deployment_target": target})
    checked, mismatches = compare_with_plan(plan, read_parameters(prepared.artifact))
    assert mismatches == []
    assert checked > 4


def test_the_default_pipeline_is_caught(residual: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rewrites the scales of an Add's inputs; each of them is named."""
    default = functools.partial(pipeline.write_package, removed=(HARMLESS,))
    monkeypatch.setattr(lowering, "write_package", default)
    prepared, _ = lowered(CoreMlRuntime(), residual.canonical, residual.plan, tmp_path)
    _, mismatches = compare_with_plan(residual.plan, read_parameters(prepared.artifact))
    named = {item.name.partition(" at ")[0] for item in mismatches if item.kind == "tensor"}
    assert {"block0_conv2", "block1_conv2"} & named
    assert not [item for item in mismatches if item.kind != "tensor"]


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
def test_float16_holds_the_plan_but_for_the_biases_it_declares(residual: Any, target: str, tmp_path: Path) -> None:
    settings = {"compute": "float16", "deployment_target": target}
    prepared, _ = lowered(CoreMlRuntime(), residual.canonical, residual.plan, tmp_path, settings)
    found = read_parameters(prepared.artifact)
    _, undeclared = compare_with_plan(residual.plan, found)
    assert {(item.kind, item.name) for item in undeclared} == {("bias", name) for name in prepared.declared_biases}
    declared = replace(residual.plan, biases={**residual.plan.biases, **prepared.declared_biases})
    assert compare_with_plan(declared, found) == (23, [])


def test_another_bias_than_the_declared_one_is_named(residual: Any, tmp_path: Path) -> None:
    prepared, _ = lowered(CoreMlRuntime(), residual.canonical, residual.plan, tmp_path, {"compute": "float16"})
    declared = replace(residual.plan, biases={**residual.plan.biases, **prepared.declared_biases})
    name = next(iter(prepared.declared_biases))
    edit_package(prepared.artifact, [("bias", name, "values")])
    _, mismatches = compare_with_plan(declared, read_parameters(prepared.artifact))
    assert [(item.kind, item.name, item.field) for item in mismatches] == [("bias", name, "values")]


def test_one_changed_zero_point_is_named(residual: Any, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(residual.prepared.artifact.parent, folder)
    artifact = folder / residual.prepared.artifact.name
    edit_package(artifact, [("tensor", "mean", "zero_point")])
    _, mismatches = compare_with_plan(residual.plan, read_parameters(artifact))
    assert [(item.name, item.field) for item in mismatches] == [("mean", "zero_point")]


def test_what_nobody_planned_is_extra(residual: Any) -> None:
    program, sidecar = read_package(residual.prepared.artifact), load_sidecar(residual.prepared.artifact)
    sidecar.tensors.clear()  # type: ignore[attr-defined]
    sidecar.weights.clear()  # type: ignore[attr-defined]
    found = parameters_of(program, sidecar)
    assert "stem_w__dequantized" in found.weights
    assert len(set(found.tensors) - set(residual.plan.tensors)) >= 10


def test_a_file_that_is_no_package_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.mlpackage").mkdir()
    with pytest.raises(ModelError, match=r"no Manifest\.json") as caught:
        read_parameters(tmp_path / "model.mlpackage")
    assert "\n" not in str(caught.value)
