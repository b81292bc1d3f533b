"""Parity finds what an artifact holds: one scale, one code and one bias changed in the file are named, nothing else.

A plugin whose artifact is no ONNX file with the core's initializer names brings an editor in EDITORS.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.coreml_edits import edit_package
from helpers.onnx_models import resnet_like
from helpers.workers import Files, run, write_files
from onnx import numpy_helper

from workbench.execution.context import WorkerContext
from workbench.execution.discovery import Manifest, load_runtime
from workbench.execution.realised import load_realised
from workbench.execution.worker import Channel
from workbench.quant.parity import Mismatch, compare_with_plan
from workbench.quant.plan import QuantPlan, load_plan
from workbench.spi import Runtime

Named = tuple[str, str, str]
"""(kind, name, field) of a mismatch."""
Editor = Callable[[Path, list[Named]], None]
"""Changes the artifact at a path: for each (kind, name, field) one value, by the smallest step there is."""


def edit_onnx(artifact: Path, flips: list[Named]) -> None:
    """Change initializers of the only ONNX file of an artifact."""
    (path,) = [artifact] if artifact.is_file() else artifact.rglob("*.onnx")
    model = onnx.load(path)
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    for _, name, field in flips:
        suffix = "codes" if field == "values" else field
        tensor = initializers.get(f"{name}__{suffix}") or initializers[name]
        tensor.CopyFrom(numpy_helper.from_array(stepped(numpy_helper.to_array(tensor)), tensor.name))
    onnx.save(model, path)


def stepped(values: Any) -> Any:
    """Return a copy with its middle element changed by the smallest step."""
    changed = np.array(values)
    flat = changed.reshape(-1)
    middle = flat.size // 2
    if changed.dtype == np.float32:
        flat[middle] = np.nextafter(flat[middle], np.float32(np.inf))
    else:
        flat[middle] = int(flat[middle]) + (-1 if flat[middle] > 0 else 1)
    return changed


EDITORS: Mapping[str, Editor] = {"coreml": edit_package, "coreml_evaluator": edit_package}
"""Plugin id -> how its artifact is edited, where that is not `edit_onnx`."""


@dataclass(frozen=True)
class Lowered:
    """One plugin's INT8 artifact of the small network."""

    manifest: Manifest
    runtime: Runtime
    plan: QuantPlan
    artifact: Path

    def copy(self, folder: Path, flips: list[Named]) -> Path:
        """Copy the artifact with what lies beside it, and change it."""
        shutil.copytree(self.artifact.parent, folder)
        artifact = folder / self.artifact.name
        EDITORS.get(self.manifest.id, edit_onnx)(artifact, flips)
        return artifact

    def read_in_a_worker(self, artifact: Path, work_dir: Path) -> tuple[int, list[Mismatch]]:
        """Read back as the engine does: a fresh worker that gets the path alone."""
        outcome = run("read_back", self.manifest.ref, {"artifact": str(artifact)}, work_dir)
        return compare_with_plan(self.plan, load_realised(Path(outcome.require()["parameters"])))


@pytest.fixture(scope="module")
def residual_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Convolutions, residual Adds, a mean and a Gemm, with a plan."""
    return write_files(tmp_path_factory.mktemp("parity_model"), resnet_like())


@pytest.fixture(scope="module")
def lowered(subject: Any, residual_files: Files, tmp_path_factory: pytest.TempPathFactory) -> Lowered:
    """The network as every plugin in turn writes it."""
    plan = load_plan(residual_files.plan)
    folder = tmp_path_factory.mktemp(f"parity_{subject.manifest.id}")
    channel = Channel(io.StringIO(), folder)
    context = WorkerContext(folder, "int8", "x64", {}, plan, residual_files.canonical, channel)
    runtime = load_runtime(subject.manifest.ref)
    prepared = runtime.prepare(residual_files.model, plan, context)
    return Lowered(subject.manifest, runtime, plan, prepared.artifact)


def one_of_each() -> list[Named]:
    """The scale of a residual sum, a code of a Conv in the middle, and a bias of the last layer."""
    return [("tensor", "block0_relu2", "scale"), ("weight", "block1_conv1_w", "codes"), ("bias", "logits_b", "values")]


def named(mismatches: list[Mismatch]) -> list[Named]:
    return [(item.kind, item.name, item.field) for item in mismatches]


def test_an_untouched_artifact_has_no_mismatch(lowered: Lowered, tmp_path: Path) -> None:
    plan = lowered.plan
    checked, mismatches = lowered.read_in_a_worker(lowered.copy(tmp_path / "copy", []), tmp_path / "work")
    assert mismatches == []
    assert checked == len(plan.tensors) + len(plan.weights) + len(plan.biases)
    assert len(plan.weights) == len(plan.biases) == 6
    assert "block0_add_node" in plan.quantized_nodes


def test_one_scale_one_code_and_one_bias_are_named_and_nothing_else(lowered: Lowered, tmp_path: Path) -> None:
    flips = one_of_each()
    artifact = lowered.copy(tmp_path / "copy", flips)
    _, mismatches = lowered.read_in_a_worker(artifact, tmp_path / "work")
    assert named(mismatches) == flips
    code = mismatches[1]
    assert "1 of 576 elements differ" in code.found
    assert code.planned != code.found


def test_every_single_parameter_is_watched(lowered: Lowered, tmp_path: Path) -> None:
    plan = lowered.plan
    flips = [
        *(("tensor", name, field) for name in plan.tensors for field in ("scale", "zero_point")),
        *(("weight", name, field) for name in plan.weights for field in ("codes", "scale", "zero_point")),
        *(("bias", name, "values") for name in plan.biases),
    ]
    for number, flip in enumerate(flips):
        artifact = lowered.copy(tmp_path / str(number), [flip])
        _, mismatches = compare_with_plan(plan, lowered.runtime.read_back(artifact))
        assert named(mismatches) == [flip]
