import functools
import random
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


@pytest.mark.parametrize("name", ["model.mlmodel", "weight.bin", "Manifest.json"])
def test_changed_bytes_are_read_or_refused_in_one_line(residual: Any, tmp_path: Path, name: str) -> None:
    """Whatever bits are flipped, pieces cut off or doubled: parameters or a ModelError, nothing else."""
    artifact, draw = tmp_path / "model.mlpackage", random.Random(name)
    shutil.copytree(residual.prepared.artifact, artifact)
    sidecar = load_sidecar(residual.prepared.artifact)
    (path,) = artifact.rglob(name)
    content, refused = path.read_bytes(), []
    for _ in range(150):
        path.write_bytes(damaged(content, draw))
        try:
            parameters_of(read_package(artifact), sidecar)
        except ModelError as error:
            refused.append(str(error))
    assert 0 < len(refused) < 150
    assert [line for line in refused if "\n" in line or len(line) > 500] == []


def damaged(content: bytes, draw: random.Random) -> bytes:
    data, at = bytearray(content), draw.randrange(len(content))
    kind = draw.choice(["flip", "set", "cut", "double"])
    if kind == "flip":
        data[at] ^= 1 << draw.randrange(8)
    elif kind == "set":
        data[at] = draw.choice([0, 0x7F, 0x80, 0xFF])
    elif kind == "cut":
        del data[at:]
    else:
        data[at:at] = data[at : at + draw.randrange(1, 64)]
    return bytes(data)


@pytest.mark.parametrize(
    ("op_type", "change", "said"),
    [
        ("quantize", {"outputs": ()}, "has 0 outputs"),
        ("quantize", {"zero_point": np.zeros(2, np.int8)}, "no whole number"),
        ("quantize", {"scale": np.ones(3, np.float32)}, "does not write"),
        ("constexpr_affine_dequantize", {"axis": np.zeros(0, np.int32)}, "no whole number"),
        ("constexpr_affine_dequantize", {"scale": "one"}, "no constant codes or scale"),
    ],
)
def test_an_operation_of_another_form_is_refused(residual: Any, op_type: str, change: Any, said: str) -> None:
    program, sidecar = read_package(residual.prepared.artifact), load_sidecar(residual.prepared.artifact)
    block = program.main.block
    place = next(number for number, op in enumerate(block.operations) if op.type == op_type)
    op = block.operations[place]
    outputs = change.get("outputs", op.outputs)
    inputs = {key: value for key, value in op.inputs.items() if key not in change}
    op = replace(op, outputs=outputs, inputs=inputs, attributes={**op.attributes, **change})
    changed = replace(block, operations=(*block.operations[:place], op, *block.operations[place + 1 :]))
    function = replace(program.main, block=changed)
    with pytest.raises(ModelError, match=said):
        parameters_of(replace(program, functions={"main": function}), sidecar)
