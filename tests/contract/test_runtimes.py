"""The same assertions for every runtime plugin: what `workbench.spi` promises to the core."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.coreml_edits import edit_package
from helpers.plans import run_graph
from helpers.workers import living_children, run
from onnx import numpy_helper

from workbench.execution.handlers import artifact_sha256
from workbench.execution.realised import load_realised
from workbench.files import sha256_of_file
from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.spi import Availability, Deviation, Placement, Prepared

RUNTIME_MODULES = ("onnxruntime", "openvino", "torch", "coremltools", "tensorrt", "PySide6", "onnx.reference")

REALISE = """
import json, sys
from pathlib import Path
from workbench.execution.discovery import load_runtime
from workbench.execution.jobs import PluginRef
from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.quant.scheme import Scheme

image = TensorSpec("x", "float32", ("N", 3, 8, 8))
node = NodeSummary("conv", "Conv", ("x", "w"), ("y",), {"group": 1}, 100, (1,))
graph = GraphSummary((node,), (image,), (TensorSpec("y", "float32", ("N", 4, 8, 8)),), {"x": image.shape}, 17)
runtime = load_runtime(PluginRef(sys.argv[1], Path(sys.argv[2]), spi_version=int(sys.argv[3])))
deviations = [runtime.realise(graph, Scheme(name), {}) for name in ("S1", "S2", "S3", "fp32", "fp16")]
assert deviations == [runtime.realise(graph, Scheme(name), {}) for name in ("S1", "S2", "S3", "fp32", "fp16")]
print(json.dumps([name for name in sys.argv[4:] if name in sys.modules]))
"""


def sample_of(values: Any) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in values.items()}


def tree(folder: Path, without: Path) -> dict[str, str]:
    inside = (path for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(without))
    return {str(path): sha256_of_file(path) for path in inside}


def test_probe_answers_in_a_worker(subject: Any, tmp_path: Path) -> None:
    outcome = run("probe", subject.manifest.ref, {}, tmp_path)
    assert outcome.is_ok, str(outcome)
    assert set(outcome.value) == {*Availability.__dataclass_fields__, "interpreter"}
    assert outcome.value["ok"] is True
    assert all(isinstance(version, str) and version for version in outcome.value["versions"].values())
    assert "fp32" in outcome.value["precisions"]


def test_realise_imports_no_runtime_and_repeats(subject: Any) -> None:
    manifest = subject.manifest
    where = [manifest.id, str(manifest.folder), str(manifest.spi_version)]
    command = [sys.executable, "-c", REALISE, *where, *RUNTIME_MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_realise_names_nodes_of_the_graph(subject: Any, tmp_path: Path) -> None:
    graph = subject.context("int8", tmp_path / "work").graph
    names = {node.name for node in graph.nodes}
    for scheme in ("S1", "S2", "S3", "fp32"):
        for deviation in subject.runtime.realise(graph, Scheme(scheme), {}):  # type: ignore[arg-type]
            assert isinstance(deviation, Deviation)
            assert deviation.node is None or deviation.node in names
            assert deviation.requested
            assert deviation.reason


def test_prepare_writes_only_into_its_folder(subject: Any, precision: str, tmp_path: Path, monkeypatch: Any) -> None:
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    work_dir = tmp_path / "work"
    before = tree(subject.files.folder, work_dir)
    prepared = subject.prepare(precision, work_dir)
    assert tree(subject.files.folder, work_dir) == before
    assert tree(tmp_path, work_dir) == {}
    assert prepared.artifact.resolve().is_relative_to(work_dir.resolve())
    assert all(isinstance(value, str) for value in prepared.notes.values())


def test_prepare_twice_gives_the_same_bytes(subject: Any, precision: str, tmp_path: Path) -> None:
    first, second = (subject.prepare(precision, tmp_path / name).artifact for name in ("first", "second"))
    assert artifact_sha256(first) == artifact_sha256(second)


def test_runs_are_fresh_bit_equal_and_leave_feeds_alone(subject: Any, precision: str) -> None:
    feeds = {name: value.copy() for name, value in subject.feeds.items()}
    other = {name: np.ascontiguousarray(value * np.float32(0.5)) for name, value in feeds.items()}
    with subject.open(precision) as session:
        first = session.run(feeds)
        kept = sample_of(first)
        session.run(other)
        assert sample_of(first) == kept, "a later run overwrote an earlier answer"
        repeats = [sample_of(session.run(feeds)) for _ in range(3)]
    assert repeats == [kept] * 3
    assert sample_of(feeds) == sample_of(subject.feeds)
    assert sample_of(first) == kept, "closing the session took the answer away"
    assert not any(np.shares_memory(value, feed) for value in first.values() for feed in feeds.values())


def test_outputs_have_the_declared_names_shapes_and_dtypes(subject: Any, precision: str) -> None:
    with subject.open(precision) as session:
        outputs = session.run(dict(subject.feeds))
    for spec in subject.files.outputs:
        assert outputs[spec["name"]].shape == (1, *spec["shape"][1:])
        assert outputs[spec["name"]].dtype == spec["dtype"]


def test_fp32_answers_are_those_of_the_reference(subject: Any) -> None:
    expected = run_graph(onnx.load(subject.files.model), subject.feeds)
    with subject.open("fp32") as session:
        found = session.run(dict(subject.feeds))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)


def test_int8_answers_are_near_the_simulation(subject: Any) -> None:
    expected = run_graph(write_qdq(subject.canonical, subject.plan, SIMULATED), subject.feeds)
    with subject.open("int8") as session:
        found = session.run(dict(subject.feeds))
    for name, value in expected.items():
        error = float(np.sum((value - found[name]) ** 2) / np.sum(value**2))
        assert error < 1e-2, f"{name}: {error}"


def test_placement_covers_every_canonical_node_exactly_once(subject: Any, precision: str) -> None:
    with subject.open(precision) as session:
        session.run(dict(subject.feeds))
        placement = session.placement()
    assert all(isinstance(row, Placement) for row in placement)
    names = sorted(row.node for row in placement if row.node)
    assert names == sorted(node.name for node in subject.canonical.graph.node)
    assert all(row.device and row.precision for row in placement)
    shares = [row.time_share for row in placement if row.time_share is not None]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1.001


def test_a_session_leaves_the_artifact_as_it_is(subject: Any, precision: str) -> None:
    artifact = subject.prepared(precision).artifact
    before = artifact_sha256(artifact)
    with subject.open(precision) as session:
        session.run(dict(subject.feeds))
        session.placement()
    assert artifact_sha256(artifact) == before


def test_facts_are_strings(subject: Any, precision: str) -> None:
    with subject.open(precision) as session:
        facts = session.facts()
    assert facts
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in facts.items())


def test_parameters_read_back_without_the_plan_are_the_plan(subject: Any, tmp_path: Path) -> None:
    made = run("prepare", subject.manifest.ref, subject.files.prepare_arguments(tmp_path / "made", "int8"), tmp_path)
    assert made.is_ok, str(made)
    arguments = {"artifact": made.value["artifact"]}
    outcome = run("read_back", subject.manifest.ref, arguments, tmp_path / "elsewhere")
    assert outcome.is_ok, str(outcome)
    realised = load_realised(Path(outcome.value["parameters"]))
    checked, mismatches = compare_with_plan(subject.plan, realised)
    assert mismatches == []
    assert checked == len(subject.plan.tensors) + len(subject.plan.weights) + len(subject.plan.biases)


def test_one_changed_scale_code_and_bias_are_found_and_nothing_else(subject: Any, tmp_path: Path) -> None:
    made = run("prepare", subject.manifest.ref, subject.files.prepare_arguments(tmp_path / "made", "int8"), tmp_path)
    artifact = Path(made.require()["artifact"])
    names = {
        "tensor": next(iter(subject.plan.tensors)),
        "weight": next(iter(subject.plan.weights)),
        "bias": next(iter(subject.plan.biases)),
    }
    if artifact.suffix == ".mlpackage":
        fields = {"tensor": "scale", "weight": "codes", "bias": "values"}
        edit_package(artifact, [(kind, name, fields[kind]) for kind, name in names.items()])
    else:
        change_three(artifact if artifact.is_file() else next(artifact.rglob("*.onnx")), names)
    outcome = run("read_back", subject.manifest.ref, {"artifact": str(artifact)}, tmp_path / "elsewhere")
    realised = load_realised(Path(outcome.require()["parameters"]))
    _, mismatches = compare_with_plan(subject.plan, realised)
    assert sorted((found.kind, found.name) for found in mismatches) == sorted(names.items())


def change_three(path: Path, names: dict[str, str]) -> None:
    """Change one scale, one code and one bias element of a Q/DQ file, whichever way it writes them."""
    model = onnx.load(path)
    arrays = {item.name: numpy_helper.to_array(item).copy() for item in model.graph.initializer}
    bias = names["bias"] if names["bias"] in arrays else f"{names['bias']}__codes"
    arrays[f"{names['tensor']}__scale"] *= 2
    for name in (f"{names['weight']}__codes", bias):
        arrays[name].flat[0] += 1 if arrays[name].flat[0] < 100 else -1
    for item in model.graph.initializer:
        item.CopyFrom(numpy_helper.from_array(arrays[item.name], item.name))
    onnx.save(model, path)


def test_nothing_is_loaded_before_enter(subject: Any, tmp_path: Path) -> None:
    session = subject.runtime.open(Prepared(tmp_path / "absent"), subject.options("fp32"))
    with pytest.raises(Exception):  # noqa: B017, PT011  (each runtime has its own error; which one is its test's affair)
        session.__enter__()


def test_unknown_settings_are_refused(subject: Any) -> None:
    def attempt() -> None:
        with subject.runtime.open(subject.prepared("fp32"), subject.options("fp32", {"no_such_option": 1})):
            pass

    with pytest.raises(ValueError, match="no_such_option"):
        attempt()


def test_a_closed_session_does_not_run(subject: Any) -> None:
    session = subject.open("fp32")
    with session:
        session.run(dict(subject.feeds))
    with pytest.raises(Exception):  # noqa: B017, PT011  (each runtime has its own error)
        session.run(dict(subject.feeds))


@pytest.mark.parametrize("batch", [1, 4])
def test_a_whole_cell(subject: Any, precision: str, batch: int, tmp_path: Path) -> None:
    arguments = subject.files.cell_arguments(
        subject.prepared(precision).artifact, tmp_path / "outputs", batch=batch, precision=precision
    )
    outcome = run("cell", subject.manifest.ref, arguments, tmp_path)
    assert outcome.is_ok, f"{outcome}\n{outcome.remote_traceback}"
    assert outcome.value["outputs"][0]["shape"][0] == outcome.value["n"] == 10
    assert outcome.peak_rss_bytes > 10 * 2**20
    assert outcome.leftover == ()
    assert living_children() == []


def test_plugins_import_only_the_plugin_surface(subject: Any) -> None:
    for path in subject.manifest.folder.rglob("*.py"):
        for name in imported_modules(path):
            if name.split(".")[0] == "workbench":
                assert name in {"workbench.spi", "workbench.errors"}, f"{path.name} imports {name}"


def imported_modules(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return names
